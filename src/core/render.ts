import type { CertificateSet } from './certificates.ts';
import type { RenderedConfig, TemplateFailure, TemplateName, TemplateSources } from './config.ts';
import { asFragment, createFragments, type Fragment } from './fragment.ts';
import { createConfigMaker } from './lazy-config.ts';
import type { Origin } from './problem.ts';
import { remembered } from './remembered.ts';
import { fail, ok, type Result } from './result.ts';
import type { Backend, RoutingTable, ServiceFrontend } from './routing.ts';
import type { Settings } from './settings.ts';
import { createShapes, type Shapes } from './shapes.ts';
import { createSingleSections } from './single-sections.ts';
import { bareBackend, type Reserve, sparesAmong } from './spares.ts';
import { compileTemplates, type View } from './template.ts';
import {
  backendView,
  CERTIFICATE_LIST,
  type Cookies,
  certificateList,
  type RenderPlace,
  serviceFrontendName,
  serviceView,
  userlistName,
  userlistView,
} from './template-views.ts';
import { trialRender } from './trial.ts';

export type { RenderPlace } from './template-views.ts';

/** Turns routing tables into configurations, remembering the text of what did not change. */
export interface Renderer {
  /**
   * Same input, same bytes. Fails only where an overridden template breaks on a value that the trial did not have. `reserves`:
   * backends and profiles for apps that come while this configuration runs.
   */
  render(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    reserves?: readonly Reserve[],
  ): Result<RenderedConfig, TemplateFailure>;
}

/** A renderer that tells the parts of what it renders, for deciding what needs no reload. */
export interface PartsRenderer extends Renderer {
  /**
   * The sections that no app owns, by name, and the list of certificates by its file's. `services`: those of the table that is or
   * will be loaded, since the range of service ports leaves out what has a frontend of its own.
   */
  fixedSections(
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    services?: readonly ServiceFrontend[],
  ): Result<ReadonlyMap<string, string>, TemplateFailure>;
  /** What these templates make of single parts of a table. */
  readonly shapes: Shapes;
}

const NONE: readonly never[] = [];

/**
 * A renderer for a set of templates, or what is wrong with one of them: all are tried with sample values first. `cookies`: where
 * those of sticky servers come from.
 */
export function createRenderer(
  sources: TemplateSources,
  cookies: Cookies = 'named',
): Result<PartsRenderer, TemplateFailure> {
  const compiled = compileTemplates(sources);
  if (!compiled.ok) return compiled;
  const templates = compiled.value;
  const trial = trialRender(templates, sources);
  if (trial !== undefined) return fail(trial);

  const fragment = (
    name: TemplateName,
    view: View,
    section: string,
    origin: Origin,
  ): Result<Fragment, TemplateFailure> => {
    const rendered = templates.render(name, view);
    return rendered.ok ? ok(asFragment(rendered.value, section, origin)) : rendered;
  };
  const ofSpare = remembered(bareBackend);
  const ofService = remembered((service: ServiceFrontend) =>
    fragment('service-frontend', serviceView(service), `frontend ${serviceFrontendName(service)}`, service.origin),
  );
  const ofBackend = remembered((backend: Backend) =>
    fragment('backend', backendView(backend, cookies), `backend ${backend.name}`, backend.origin),
  );
  const ofUserlist = remembered((backend: Backend) =>
    backend.auth === undefined
      ? ok(undefined)
      : fragment(
          'userlist',
          userlistView(backend, backend.auth.value),
          `userlist ${userlistName(backend)}`,
          backend.auth.origin,
        ),
  );

  const lists = {
    userlists: createFragments(ofUserlist),
    services: createFragments((service: ServiceFrontend) =>
      service.inRange === undefined ? ofService(service) : ok(undefined),
    ),
    backends: createFragments(ofBackend),
    spares: createFragments(ofBackend),
  };
  const singles = createSingleSections(templates, fragment, cookies);
  const configOf = createConfigMaker();

  function* sections(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    reserves: readonly Reserve[],
  ): Generator<Result<readonly Fragment[], TemplateFailure>> {
    yield singles.opening(settings, place);
    yield singles.profiles(table.backends, reserves);
    yield lists.userlists(table.backends);
    yield singles.frontends(settings, certificates, settings.servicePortRange === undefined ? NONE : table.services);
    yield lists.services(table.services);
    yield lists.backends(table.backends);
    yield lists.spares(sparesAmong(reserves).map(ofSpare));
  }

  return ok({
    shapes: createShapes((name, view) => templates.render(name, view), cookies),
    fixedSections(settings, certificates, place, services = []) {
      const fixed = singles.opening(settings, place);
      const frontends = singles.frontends(settings, certificates, services);
      if (!fixed.ok) return fixed;
      if (!frontends.ok) return frontends;
      return ok(
        new Map([
          ...[...fixed.value, ...frontends.value].map(({ section, text }) => [section, text] as const),
          [CERTIFICATE_LIST, certificateList(certificates)],
        ]),
      );
    },
    render(table, settings, certificates, place, reserves = []) {
      const rendered = collected(sections(table, settings, certificates, place, reserves));
      if (!rendered.ok) return rendered;
      return ok(configOf(rendered.value, table, certificateList(certificates), settings.pathMatch));
    },
  });
}

/** All lists, or the first failure. */
function collected(
  sections: Iterable<Result<readonly Fragment[], TemplateFailure>>,
): Result<readonly (readonly Fragment[])[], TemplateFailure> {
  const lists: (readonly Fragment[])[] = [];
  for (const section of sections) {
    if (!section.ok) return section;
    lists.push(section.value);
  }
  return ok(lists);
}
