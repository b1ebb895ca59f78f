// A user for each service that can reach its own database only. Run as an administrator, with the passwords in the
// environment (the same that stand in secrets/mongo-password-*):
//   CONFIG_PASSWORD=... INVITE_PASSWORD=... AUTH_PASSWORD=... NOTIFY_PASSWORD=... mongosh "$ADMIN_URL" deploy/mongo-users.js
const database = process.env.MONGO_DATABASE || "tokenswitch";
for (const service of ["config", "invite", "auth", "notify"]) {
  const pwd = process.env[service.toUpperCase() + "_PASSWORD"];
  if (!pwd) throw new Error(service.toUpperCase() + "_PASSWORD is not set");
  const user = { user: "tokenswitch-" + service, pwd, roles: [{ role: "readWrite", db: database + "_" + service }] };
  const admin = db.getSiblingDB("admin");
  if (admin.getUser(user.user)) admin.updateUser(user.user, { pwd: user.pwd, roles: user.roles });
  else admin.createUser(user);
  print(user.user + " may read and write " + user.roles[0].db);
}
