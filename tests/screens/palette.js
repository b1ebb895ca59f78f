// A picture of at most 256 colours as PNG: the most frequent ones of the picture, each pixel the nearest of them.
async (source) => {
  const image = new Image();
  image.src = "data:image/png;base64," + source;
  await image.decode();
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, width, height).data.buffer);

  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const far = (a, b) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
  // Frequent first; a shade close to one that is there already is left to it.
  const palette = [];
  for (const least of [60, 0]) {
    for (const [pixel] of [...counts].sort((a, b) => b[1] - a[1])) {
      if (palette.length === 256) break;
      const colour = parts(pixel);
      if (!palette.some((known) => far(known, colour) <= least)) palette.push(colour);
    }
  }
  const nearest = new Map();
  for (const pixel of counts.keys()) {
    const colour = parts(pixel);
    let best = 0;
    for (let at = 1; at < palette.length; at++) if (far(palette[at], colour) < far(palette[best], colour)) best = at;
    nearest.set(pixel, best);
  }

  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  const zipped = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(zipped).arrayBuffer());

  const table = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const crc = (bytes) => (bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;
  const word = (number) => [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
  const chunk = (name, bytes) => {
    const named = [...new TextEncoder().encode(name), ...bytes];
    return [...word(bytes.length), ...named, ...word(crc(named))];
  };
  const file = [
    137, 80, 78, 71, 13, 10, 26, 10, ...chunk("IHDR", [...word(width), ...word(height), 8, 3, 0, 0, 0]),
    ...chunk("PLTE", palette.flat()), ...chunk("IDAT", data), ...chunk("IEND", []),
  ];
  let text = "";
  for (const byte of file) text += String.fromCharCode(byte);
  return btoa(text);
}
