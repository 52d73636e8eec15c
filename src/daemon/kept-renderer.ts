import type { CertificateSet } from '../core/certificates.ts';
import type { RenderedConfig, TemplateFailure, TemplateSources } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Renderer, RenderPlace } from '../core/render.ts';
import type { Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Settings } from '../core/settings.ts';
import type { Stages } from './stages.ts';

/** Everything of a rendering that is not the table. */
interface RenderInputs {
  readonly templates: TemplateSources;
  readonly certificates: CertificateSet;
  readonly settings: Settings;
  readonly place: RenderPlace;
}

/** Renders with the newest templates that can be used: broken ones are refused, the ones before stay in force. */
export type RenderTable = (table: RoutingTable, inputs: RenderInputs) => Result<RenderedConfig, TemplateFailure>;

/** Compiles templates once, however often they are used. */
export function createKeptRenderer(
  createRenderer: Stages['createRenderer'],
  emit: (event: DaemonEventBody) => void,
): RenderTable {
  let tried: TemplateSources | undefined;
  let usable: Renderer | undefined;
  let failure: TemplateFailure | undefined;
  return (table, { templates, certificates, settings, place }) => {
    if (templates !== tried) {
      const made = createRenderer(templates);
      tried = templates;
      failure = made.ok ? undefined : made.failure;
      if (made.ok) usable = made.value;
      else emit({ type: 'template-refused', failure: made.failure });
    }
    if (usable === undefined) {
      return { ok: false, failure: failure ?? { file: 'templates', message: 'no usable templates' } };
    }
    return usable.render(table, settings, certificates, place);
  };
}
