// Sign-in and agreement on one page, in place of the development pages. It looks whether there is such a person and
// checks no password: the cost of a hash is not this library's.
const PAGE = (uid) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title><body>
<form method="post" action="/interaction/${uid}"><label>Name <input name="login" required></label>
<button>Sign in and agree</button></form></body></html>`;

async function readForm(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

export async function answerInteraction(provider, people, request, response) {
  const { uid, params } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
    response.end(PAGE(uid));
    return;
  }
  const accountId = (await readForm(request)).get('login');
  if (!people.includes(accountId)) {
    response.writeHead(401).end();
    return;
  }
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const grantId = await grant.save();
  // Both answers at once, as for a service whose consent needs no question of its own.
  await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId } });
}
