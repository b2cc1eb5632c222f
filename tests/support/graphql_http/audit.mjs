// Runs the audits of graphql-http against a platform: `node audit.mjs URL TOKEN`. One line of JSON
// for each audit. The suite runs all at once; here they run one after the other, as one user does.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);

function fetchFn(input, options = {}) {
  const headers = new Headers(options.headers);
  headers.set("authorization", `Bearer ${token}`);
  return fetch(input, { ...options, headers });
}

for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  const { id, name, status, reason } = result;
  process.stdout.write(`${JSON.stringify({ id, name, status, reason })}\n`);
}
