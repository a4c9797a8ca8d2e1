// node-oidc-provider as its documentation asks of production: own keys, cookie keys, accounts, adapter and interaction.
// BENCH_SETTINGS names a file with: port, issuer, alg, jwks, cookieKeys, clients, redisSocket or null, resource, people.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

import Provider, { errors } from 'oidc-provider';

import { answerInteraction } from './interaction.mjs';
import { redisAdapters } from './redis_adapter.mjs';

const settings = JSON.parse(await readFile(process.env.BENCH_SETTINGS, 'utf8'));

const provider = new Provider(settings.issuer, {
  // Without an adapter it is the one in memory.
  ...(settings.redisSocket ? { adapter: redisAdapters(settings.redisSocket) } : {}),
  jwks: settings.jwks,
  cookies: { keys: settings.cookieKeys },
  clients: settings.clients,
  scopes: ['openid', 'profile', 'read'],
  claims: { openid: ['sub'], profile: ['name', 'family_name', 'given_name', 'birthdate', 'updated_at'] },
  findAccount: (_ctx, id) => settings.people.includes(id) ? {
    accountId: id,
    claims: () => ({
      sub: id,
      name: 'Nguyễn Thị Mẫu',
      family_name: 'Nguyễn',
      given_name: 'Mẫu',
      birthdate: '1990-01-02',
      updated_at: 1767225600,
    }),
  } : undefined,
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  // Whoever may refresh gets a refresh token, as from the system it is compared with.
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => {
        if (resource !== settings.resource) throw new errors.InvalidTarget();
        return {
          scope: 'read',
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: settings.alg } },
        };
      },
    },
  },
});
provider.proxy = true;

const answer = provider.callback();
const server = createServer((request, response) => {
  if (request.url.startsWith('/interaction/')) {
    answerInteraction(provider, settings.people, request, response).catch((fault) => {
      console.error(fault);
      response.writeHead(500).end();
    });
  } else {
    answer(request, response);
  }
});
server.listen(settings.port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
