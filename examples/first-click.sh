#!/bin/sh
# From nothing to the first click with curl. Needs WAYPOST_URL, WAYPOST_API_KEY, curl and sed.
set -eu

api=$WAYPOST_URL/api/v1
domain=${1:-click.localhost} # names under localhost reach this machine without DNS

call() { # METHOD PATH [JSON]
  curl --silent --show-error --fail-with-body --request "$1" "$api$2" \
    --header "Authorization: $WAYPOST_API_KEY" --header "Content-Type: application/json" ${3:+--data "$3"}
}

echo "Creating $domain"
call POST /tracking-domains "{\"domain\": \"$domain\"}" || true # there already: fine
echo
echo "Verifying it"
call POST "/tracking-domains/$domain/verify"
echo

echo "Wrapping a mail"
wrapped=$(call POST /wrap "{
  \"content\": {\"html\": \"<a href='https://www.example.com/boots'>Boots</a>\"},
  \"recipients\": [{\"address\": \"ann@example.com\"}],
  \"campaign_id\": \"first-click\",
  \"tracking_domain\": \"$domain\"
}")
link=$(printf %s "$wrapped" | sed -n "s/.*href=[\\\\\"']*\(http[^\"'\\\\]*\/e\/[^\"'\\\\]*\).*/\1/p")
echo "$link"

echo "Clicking the link"
host=${link#*://}
port=$(printf %s "${host%%/*}" | sed -n 's/.*:\([0-9]*\)$/\1/p')
# Not every resolver knows that names under localhost are this machine.
curl --silent --show-error --resolve "$domain:${port:-80}:127.0.0.1" --output /dev/null \
  --write-out "HTTP %{http_code}, on to %{redirect_url}\n" "$link"

echo "Who clicked"
for _ in 1 2 3 4 5 6 7 8 9 10; do
  events=$(call GET "/events/message?events=click&campaigns=first-click")
  case "$events" in *ann@example.com*) break ;; esac
  sleep 1
done
printf '%s\n' "$events"
