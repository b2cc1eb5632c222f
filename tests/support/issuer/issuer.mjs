// A real issuer: one client, and every account that is asked for. The line it prints is its address.
// An account is the subject, and before its "#" the e-mail address. That of "unverified+…" was not
// verified, "nameless+…" has none.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { clientId, clientSecret, redirectUri } = JSON.parse(process.argv[2]);

function claims(id) {
  if (id.startsWith("nameless+")) return { sub: id };
  return { sub: id, email: id.split("#")[0], email_verified: !id.startsWith("unverified+") };
}

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    cookies: { keys: ["only for tests"] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => claims(id) }),
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
