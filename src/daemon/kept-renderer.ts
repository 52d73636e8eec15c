import type { CertificateSet } from '../core/certificates.ts';
import type { RenderedConfig, TemplateFailure, TemplateSources } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { PartsRenderer, RenderPlace } from '../core/render.ts';
import type { Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Settings } from '../core/settings.ts';
import type { Spare } from '../core/spares.ts';
import type { LaneParts } from './lane.ts';
import type { Stages } from './stages.ts';

/** Everything of a rendering that is not the table. */
interface RenderInputs {
  readonly templates: TemplateSources;
  readonly certificates: CertificateSet;
  readonly settings: Settings;
  readonly place: RenderPlace;
  readonly spares: readonly Spare[];
}

/** Renders with the newest templates that can be used: broken ones are refused, the ones before stay in force. */
export interface KeptRenderer {
  render(table: RoutingTable, inputs: RenderInputs): Result<RenderedConfig, TemplateFailure>;
  /** What the same templates say of single parts; the same object while nothing of it changed. */
  parts(inputs: RenderInputs): LaneParts | undefined;
}

/** Compiles templates once, however often they are used. */
export function createKeptRenderer(
  createRenderer: Stages['createRenderer'],
  emit: (event: DaemonEventBody) => void,
): KeptRenderer {
  let tried: TemplateSources | undefined;
  let usable: PartsRenderer | undefined;
  let failure: TemplateFailure | undefined;
  let known:
    | { readonly of: PartsRenderer; readonly certificates: CertificateSet; readonly parts: LaneParts }
    | undefined;

  function renderer(templates: TemplateSources): Result<PartsRenderer, TemplateFailure> {
    if (templates !== tried) {
      const made = createRenderer(templates);
      tried = templates;
      failure = made.ok ? undefined : made.failure;
      if (made.ok) usable = made.value;
      else emit({ type: 'template-refused', failure: made.failure });
    }
    if (usable !== undefined) return { ok: true, value: usable };
    return { ok: false, failure: failure ?? { file: 'templates', message: 'no usable templates' } };
  }

  return {
    render(table, { templates, certificates, settings, place, spares }) {
      const made = renderer(templates);
      return made.ok ? made.value.render(table, settings, certificates, place, spares) : made;
    },
    parts({ templates, certificates, settings, place, spares }) {
      const made = renderer(templates);
      if (!made.ok) return undefined;
      if (known?.of === made.value && known.certificates === certificates) return known.parts;
      const fixed = made.value.fixedSections(settings, certificates, place);
      if (!fixed.ok) return undefined;
      known = { of: made.value, certificates, parts: { shapes: made.value.shapes, fixed: fixed.value, spares } };
      return known.parts;
    },
  };
}
