#!/usr/bin/env bash
# Lets the four services write and read the topic, and nobody else: run once with a broker whose authorizer is on.
#   BOOTSTRAP=kafka-1.example:9093 ADMIN_CONFIG=admin.properties deploy/kafka-acls.sh
# Readers of dashboards get `--operation Read` on the topic alone: READERS="User:dashboards User:siem".
set -euo pipefail
: "${BOOTSTRAP:?like kafka-1.example:9093}" "${ADMIN_CONFIG:?a file with the client settings of an administrator}"
topic=${TOPIC:-tokenswitch.events}
acls() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add "$@"; }

for service in config invite auth notify; do
  user="User:${service}-svc" dead="tokenswitch.dead.${service}-svc"
  acls --allow-principal "$user" --operation Read --operation Write --operation Create --operation Describe --topic "$topic"
  acls --allow-principal "$user" --operation Read --operation Write --operation Create --operation Describe --topic "$dead"
  acls --allow-principal "$user" --operation Read --group "${service}-svc"
  acls --allow-principal "$user" --operation IdempotentWrite --cluster
done
for reader in ${READERS:-}; do
  acls --allow-principal "$reader" --operation Read --operation Describe --topic "$topic"
  acls --allow-principal "$reader" --operation Read --group "${reader#User:}" --resource-pattern-type prefixed
done
