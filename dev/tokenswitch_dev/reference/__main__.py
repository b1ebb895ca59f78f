"""python -m tokenswitch_dev.reference: writes docs/settings.md anew."""

from tokenswitch_dev.reference.table import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.name} is written.")
