#!/usr/bin/env bash
# Lets the four services write and read the topic, and nobody else: run once with a broker whose authorizer is on.
#   BOOTSTRAP=kafka-1.example:9093 ADMIN_CONFIG=admin.properties deploy/kafka-acls.sh
# Readers of dashboards get `--operation Read` on the topic alone: READERS="User:dashboards User:siem"; the names of their
# groups begin with their own and a dot: `dashboards.live`.
set -euo pipefail
: "${BOOTSTRAP:?like kafka-1.example:9093}" "${ADMIN_CONFIG:?a file with the client settings of an administrator}"
topic=${TOPIC:-tokenswitch.events}
# As the services name them: another topic has groups and dead letters of its own.
if [ "$topic" = tokenswitch.events ]; then dead_prefix=tokenswitch group_prefix=; else dead_prefix=$topic group_prefix=$topic.; fi
acls() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add "$@"; }

for service in config invite auth notify; do
  user="User:${service}-svc" dead="$dead_prefix.dead.${service}-svc"
  acls --allow-principal "$user" --operation Read --operation Write --operation Create --operation Describe --topic "$topic"
  acls --allow-principal "$user" --operation Read --operation Write --operation Create --operation Describe --topic "$dead"
  acls --allow-principal "$user" --operation Read --group "$group_prefix${service}-svc"
  acls --allow-principal "$user" --operation IdempotentWrite --cluster
done
for reader in ${READERS:-}; do
  acls --allow-principal "$reader" --operation Read --operation Describe --topic "$topic"
  acls --allow-principal "$reader" --operation Read --group "${reader#User:}." --resource-pattern-type prefixed
done
