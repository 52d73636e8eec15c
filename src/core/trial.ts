import { GENERATION_LINE, type TemplateFailure, type TemplateName, type TemplateSources } from './config.ts';
import type { Templates, View } from './template.ts';

const SHARED: readonly View[] = [
  {
    routeLookup: '  # sample',
    binds: [
      { address: '*:80', v6only: false },
      { address: '[::]:80', v6only: true },
    ],
    certificateList: 'certificates.list',
    httpsPort: 8443,
  },
  {
    routeLookup: '  # sample',
    binds: [{ address: '*:80', v6only: false }],
    certificateList: 'certificates.list',
    httpsPort: 0,
  },
];

const BACKEND_WITHOUT_TEXT: View = {
  name: 'sample_10000',
  profile: 'P_http_roundrobin_0_none_2',
  http: true,
  networks: false,
  auth: false,
  rootRedirect: false,
  proxyPass: false,
  reverseProxy: false,
  servers: [{ name: 'bare', address: '127.0.0.1:1', id: 1, check: false, cookie: '', maint: false }],
};

const BACKEND_WITH_ALL: View = {
  ...BACKEND_WITHOUT_TEXT,
  networks: ['10.0.0.0/8'],
  auth: { realm: 'sample', check: 'http_auth(user_sample_10000)' },
  rootRedirect: { location: '/there', hostPattern: '^(?:sample)$' },
  proxyPass: { host: 'sample', pathPattern: '^/sample' },
  reverseProxy: { locationPattern: '^(.*)$', replacement: '/sample\\1' },
  servers: [
    {
      name: 'checked',
      address: '[::1]:1',
      id: 1,
      check: { interMs: 1000, fall: 4, port: 2, tls: true },
      cookie: 'c',
      maint: true,
    },
  ],
};

/** For each template views that walk through all of its branches. */
const SAMPLES: Readonly<Record<TemplateName, readonly View[]>> = {
  global: [
    {
      generationLine: GENERATION_LINE,
      runtimeSocket: '/run/sample.sock',
      stateFile: '/run/sample.state',
      hardStopAfterMs: 1000,
      maxReloads: 1,
      fdHardLimit: 1024,
      ciphers: 'A:B',
      ciphersuites: 'C:D',
    },
  ],
  defaults: [{}],
  stats: SHARED,
  'route-lookup': [{ keyEnd: ',/' }, { keyEnd: '' }],
  'http-frontend': SHARED,
  'https-frontend': SHARED,
  'appid-frontend': SHARED,
  'service-range': SHARED,
  'service-frontend': [true, false].map((http) => ({
    name: 'sample_10000',
    mode: http ? 'http' : 'tcp',
    http,
    backend: 'sample_10000',
    binds: [
      {
        address: '*:10000',
        v6only: http,
        certificate: http ? '/sample.pem' : '',
        options: [
          { option: 'alpn', argument: 'h2' },
          { option: 'tfo', argument: '' },
        ],
      },
    ],
  })),
  profile: [true, false].map((http) => ({
    name: 'P_sample',
    mode: http ? 'http' : 'tcp',
    http,
    balance: ['source'],
    hashed: http,
    sticky: http,
    cookieKey: http ? 'sample' : '',
    checked: http,
    httpCheck: http,
    checkTimeout: 2,
  })),
  userlist: [{ userlist: 'user_sample_10000', user: 'sample', passwordHash: '$5$sample' }],
  backend: [BACKEND_WITHOUT_TEXT, BACKEND_WITH_ALL, { ...BACKEND_WITH_ALL, http: false }],
};

/** Lines without which Portolan could not drive the HAProxy that it starts, and why. */
const GLOBAL_NEEDS: readonly { readonly line: RegExp; readonly why: string }[] = [
  {
    line: new RegExp(`^\\s*${GENERATION_LINE}$`, 'm'),
    why: 'needs the line {{generationLine}}, which proves what a worker runs',
  },
  {
    line: /^\s*stats socket \/run\/sample\.sock\b.*\blevel admin\b/m,
    why: 'needs "stats socket {{quote runtimeSocket}} … level admin", the socket Portolan speaks to',
  },
];

/** Renders every template with sample values: what is wrong with the first bad one, or nothing. */
export function trialRender(templates: Templates, sources: TemplateSources): TemplateFailure | undefined {
  for (const name of Object.keys(SAMPLES) as TemplateName[]) {
    for (const view of SAMPLES[name]) {
      const rendered = templates.render(name, view);
      if (!rendered.ok) return rendered.failure;
      if (name === 'global') {
        const message = globalLacks(rendered.value);
        if (message !== undefined) return { file: sources.global.file, message };
      }
    }
  }
  return undefined;
}

function globalLacks(text: string): string | undefined {
  if (/^\s*daemon\b/m.test(text)) return 'must not say "daemon": HAProxy would leave its supervisor';
  return GLOBAL_NEEDS.find(({ line }) => !line.test(text))?.why;
}
