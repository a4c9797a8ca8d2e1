// One sign-in by openid-client in a variant: prints where the browser must go, reads where it came back to, prints what it learnt.
import { createInterface } from "node:readline";
import * as oidc from "openid-client";

const asked = JSON.parse(process.argv[2]);
const ALGORITHMS = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
  "RSA-OAEP-256": { name: "RSA-OAEP", hash: "SHA-256" },
  "ECDH-ES+A256KW": { name: "ECDH", namedCurve: "P-256" },
};

async function importKey({ jwk, alg, usages }) {
  const { use, alg: _, ...bare } = jwk;
  return { key: await crypto.subtle.importKey("jwk", bare, ALGORITHMS[alg], true, usages), kid: jwk.kid };
}

const config = await oidc.discovery(
  new URL(asked.issuer),
  asked.client.client_id,
  asked.client,
  oidc.ClientSecretBasic(asked.client.client_secret),
  { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
);
if (asked.variant === "hybrid") oidc.useCodeIdTokenResponseType(config);
if (asked.variant === "implicit") oidc.useIdTokenResponseType(config);
if (asked.decrypt) {
  const { key, kid } = await importKey({ ...asked.decrypt, usages: asked.decrypt.usages });
  oidc.enableDecryptingResponses(config, [asked.decrypt.enc], { key, kid, alg: asked.decrypt.alg });
}

const verifier = oidc.randomPKCECodeVerifier();
const checks = { expectedNonce: oidc.randomNonce(), expectedState: oidc.randomState() };
const parameters = {
  redirect_uri: asked.client.redirect_uris[0],
  scope: "openid profile email",
  state: checks.expectedState,
  nonce: checks.expectedNonce,
};
if (asked.variant !== "implicit") {
  checks.pkceCodeVerifier = verifier;
  parameters.code_challenge = await oidc.calculatePKCECodeChallenge(verifier);
  parameters.code_challenge_method = "S256";
}
const address = asked.sign
  ? await oidc.buildAuthorizationUrlWithJAR(config, parameters, await importKey({ ...asked.sign, usages: ["sign"] }))
  : oidc.buildAuthorizationUrl(config, parameters);
console.log(address.href);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const back = new URL((await lines.next()).value);
const learnt = {};
if (asked.variant === "implicit") {
  learnt.claims = await oidc.implicitAuthentication(config, back, checks.expectedNonce, { expectedState: checks.expectedState });
} else {
  const tokens = await oidc.authorizationCodeGrant(config, back, checks);
  learnt.claims = tokens.claims();
  learnt.userinfo = await oidc.fetchUserInfo(config, tokens.access_token, learnt.claims.sub);
  learnt.id_token = tokens.id_token;
  learnt.logout = oidc.buildEndSessionUrl(config, {
    id_token_hint: asked.decrypt ? oidc.getDecryptedResponses(tokens).id_token : tokens.id_token,
    post_logout_redirect_uri: asked.client.post_logout_redirect_uris[0],
    state: "out",
  }).href;
}
console.log(JSON.stringify(learnt));
process.exit(0);
