/**
 * SparkPost's own Node client, pointed at Waypost: nothing but the endpoint and the key changes.
 *
 *   npm install sparkpost
 *   node sparkpost-client.mjs click.localhost
 */
import SparkPost from "sparkpost";

const client = new SparkPost(process.env.WAYPOST_API_KEY, { endpoint: process.env.WAYPOST_URL });
const domain = process.argv[2] ?? "click.localhost";

try {
  await client.post({ uri: "tracking-domains", json: { domain } });
  console.log(`${domain} is created`);
} catch (error) {
  // 409: there already.
  if (error.statusCode !== 409) throw error;
}
const { results } = await client.post({ uri: `tracking-domains/${domain}/verify`, json: true });
console.log(`${domain} is ${results.verified ? "verified" : results.cname_status}`);
const list = await client.get({ uri: "tracking-domains" });
for (const { domain: name, status } of list.results) console.log(name, status.cname_status);
