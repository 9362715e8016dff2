// A real OpenID provider for the tests: oidc-provider (panva), whose people sign in by their login_hint alone.
// node provider.mjs PORT ACCESS_TOKEN_SECONDS
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, seconds] = process.argv.slice(2).map(Number);
const issuer = `http://127.0.0.1:${port}`;
const client = (id, more) => ({
  client_id: id,
  client_secret: `${id}-secret`,
  redirect_uris: ['http://127.0.0.1:8080/sign-in/openid'],
  grant_types: ['authorization_code', 'refresh_token'],
  ...more,
});
const redirects = (process.env.REDIRECTS || '').split(' ').filter(Boolean);

const provider = new Provider(issuer, {
  clients: [
    client('postern', redirects.length ? { redirect_uris: redirects } : {}),
    client('mail', { redirect_uris: ['http://127.0.0.1/none'] }),
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  scopes: ['openid', 'offline_access', 'email'],
  features: { devInteractions: { enabled: false }, introspection: { enabled: true, allowedPolicy: () => true }, revocation: { enabled: true } },
  ttl: { AccessToken: seconds, IdToken: 300, Interaction: 300, Grant: 86400, Session: 86400, RefreshToken: 86400 },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  pkce: { required: () => true },
  cookies: { keys: ['tests-only'] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: id, email_verified: !id.startsWith('unverified') }),
  }),
});

// Everybody is who they say; who is called "deny…" refuses, who is called "wait…" sees a page first.
const answer = async (request, response) => {
  const { params, prompt, grantId } = await provider.interactionDetails(request, response);
  const hint = params.login_hint || 'nobody@example.org';
  if (hint.startsWith('deny')) {
    return provider.interactionFinished(request, response, { error: 'access_denied' });
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: hint } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: hint, clientId: params.client_id });
  grant.addOIDCScope('openid email offline_access');
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
};

const serve = provider.callback();
createServer((request, response) => {
  if (request.url.startsWith('/interaction/')) {
    answer(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  } else if (request.method === 'POST' && request.url === '/test/end-everything') {
    // As when an account is closed at the provider: nothing that it gave out is good any more.
    provider.Client.find('postern').then(() => { ended = true; response.end('ended'); });
  } else if (ended && request.url === '/token') {
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
  } else {
    serve(request, response);
  }
}).listen(port, '127.0.0.1');
let ended = false;
