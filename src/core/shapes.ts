import type { TemplateFailure, TemplateName } from './config.ts';
import { sectionText } from './fragment.ts';
import { quoteWord } from './quoting.ts';
import { remembered } from './remembered.ts';
import type { Result } from './result.ts';
import type { Backend, Profile, Server, ServiceFrontend } from './routing.ts';
import { serverWords } from './server-words.ts';
import { formatBind } from './settings.ts';
import { bareBackend } from './spares.ts';
import type { View } from './template.ts';
import {
  backendView,
  COOKIE_KEY,
  type Cookies,
  profileName,
  profileView,
  serviceView,
  userlistView,
} from './template-views.ts';

/**
 * What no command can change of a backend: text that only a reload brings in. It is the configuration's own text, so that a
 * setting nobody thought of here costs a reload instead of being missed.
 */
export interface Shape {
  /** Its userlist and its section without servers. */
  readonly own: string;
  /** The `defaults` section that it builds on. */
  readonly profile: string;
}

/** What the templates make of single parts of a table. */
export interface Shapes {
  /** Remembered by identity. Undefined where a template breaks on the backend. */
  shapeOf(backend: Backend): Shape | undefined;
  /** The backend needs no text beyond its profile, so that another one with its profile could stand in for it. */
  isPlain(backend: Backend): boolean;
  /** The backend is nothing but its profile: `add backend` can say all that the configuration says of it. */
  isBare(backend: Backend): boolean;
  /** HAProxy computes the cookies of this profile's servers, with our key: one that comes at run time has one too. */
  computesCookies(profile: Profile): boolean;
  /** `add server` can say all that the configuration says of a server: no template adds words or lines of its own. */
  isAddable(backend: Backend, server: Server): boolean;
  /** Text of a service's own frontend; remembered by identity. Undefined where a template breaks on it. */
  serviceText(service: ServiceFrontend): string | undefined;
}

const COMPUTES_COOKIES = new RegExp(`^\\s*dynamic-cookie-key ${COOKIE_KEY}$`, 'm');

/** Equal shapes carry the same servers. */
export const sameShape = (a: Shape | undefined, b: Shape | undefined): boolean =>
  a !== undefined && b !== undefined && a.own === b.own && a.profile === b.profile;

/** Shapes as `render` makes them, in configurations with these cookies. */
export function createShapes(
  render: (name: TemplateName, view: View) => Result<string, TemplateFailure>,
  cookies: Cookies = 'named',
): Shapes {
  const profiles = new Map<string, string | undefined>();

  function textOf(name: TemplateName, view: View): string | undefined {
    const rendered = render(name, view);
    return rendered.ok ? sectionText(rendered.value) : undefined;
  }

  function profileText(profile: Profile): string | undefined {
    const name = profileName(profile);
    if (!profiles.has(name)) profiles.set(name, textOf('profile', profileView(profile, cookies)));
    return profiles.get(name);
  }

  const withoutServers = remembered((backend: Backend) =>
    textOf('backend', backendView({ ...backend, servers: [] }, cookies)),
  );

  function ownText(backend: Backend): string | undefined {
    const section = withoutServers(backend);
    if (backend.auth === undefined) return section;
    const users = textOf('userlist', userlistView(backend, backend.auth.value));
    return users === undefined || section === undefined ? undefined : users + section;
  }

  const shapeOf = remembered((backend: Backend): Shape | undefined => {
    const own = ownText(backend);
    const profile = profileText(backend.profile);
    return own === undefined || profile === undefined ? undefined : { own, profile };
  });

  return {
    shapeOf,
    isPlain: (backend) => {
      const own = shapeOf(backend)?.own;
      return own !== undefined && own === ownText(bareBackend(backend));
    },
    computesCookies: (profile) => COMPUTES_COOKIES.test(profileText(profile) ?? ''),
    isBare(backend) {
      const lines = (shapeOf(backend)?.own ?? '').split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
      const said = lines.filter((line) => line !== '' && !line.startsWith('#'));
      return (
        said.length === 1 &&
        said[0] === `backend ${quoteWord(backend.name)} from ${quoteWord(profileName(backend.profile))}`
      );
    },
    isAddable(backend, server) {
      const lone: Server = { ...server, admission: 'ready' };
      const lines = textOf('backend', backendView({ ...backend, servers: [lone] }, cookies))?.split('\n') ?? [];
      const said = `server ${quoteWord(server.name)} ${quoteWord(formatBind(server.endpoint))} ${serverWords(server, cookies)}`;
      const at = lines.findIndex((line) => line.trim().replace(/\s+/g, ' ') === said);
      return at >= 0 && lines.toSpliced(at, 1).join('\n') === withoutServers(backend);
    },
    serviceText: remembered((service: ServiceFrontend) => textOf('service-frontend', serviceView(service))),
  };
}
