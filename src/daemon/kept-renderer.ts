import { blameTemplate } from '../core/blame-template.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { Diagnostic, RenderedConfig, TemplateFailure, TemplateSources } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { PartsRenderer, RenderPlace } from '../core/render.ts';
import type { Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Settings } from '../core/settings.ts';
import type { Reserve } from '../core/spares.ts';
import type { LaneParts } from './lane.ts';
import type { Stages } from './stages.ts';

/** Everything of a rendering that is not the table. */
interface RenderInputs {
  readonly templates: TemplateSources;
  readonly certificates: CertificateSet;
  readonly settings: Settings;
  readonly place: RenderPlace;
  readonly spares: readonly Reserve[];
}

/** Renders with the newest templates that can be used: broken ones are refused, the ones before stay in force. */
export interface KeptRenderer {
  render(table: RoutingTable, inputs: RenderInputs): Result<RenderedConfig, TemplateFailure>;
  /** What the same templates say of single parts; the same object while nothing of it changed. */
  parts(inputs: RenderInputs): LaneParts | undefined;
  /** HAProxy runs what these templates made: they are the ones to go back to. */
  accepted(templates: TemplateSources): void;
  /**
   * HAProxy refuses what these templates make, and no app is to blame. True: the ones before are in force again, until other
   * ones come. False: they are no others than those before, or those before are refused now too, so that the cause lies elsewhere.
   */
  refused(templates: TemplateSources, diagnostics: readonly Diagnostic[], config: RenderedConfig): boolean;
}

/** Compiles templates once, however often they are used. */
export function createKeptRenderer(
  createRenderer: Stages['createRenderer'],
  emit: (event: DaemonEventBody) => void,
): KeptRenderer {
  let tried: TemplateSources | undefined;
  let usable: PartsRenderer | undefined;
  let failure: TemplateFailure | undefined;
  let good: { readonly templates: TemplateSources; readonly renderer: PartsRenderer } | undefined;
  let bad: TemplateSources | undefined;
  let known:
    | {
        readonly of: PartsRenderer;
        readonly certificates: CertificateSet;
        readonly settings: Settings;
        readonly parts: LaneParts;
      }
    | undefined;

  function renderer(templates: TemplateSources): Result<PartsRenderer, TemplateFailure> {
    if (bad !== undefined && good !== undefined && same(templates, bad)) return { ok: true, value: good.renderer };
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
      if (known?.of === made.value && known.certificates === certificates && known.settings === settings)
        return known.parts;
      const fixed = made.value.fixedSections(settings, certificates, place);
      if (!fixed.ok) return undefined;
      const parts = { shapes: made.value.shapes, fixed: fixed.value, spares, certificates };
      known = { of: made.value, certificates, settings, parts };
      return known.parts;
    },
    accepted(templates) {
      if (bad !== undefined && same(templates, bad)) return;
      bad = undefined;
      if (usable !== undefined && templates === tried) good = { templates, renderer: usable };
    },
    refused(templates, diagnostics, config) {
      const again = bad !== undefined && same(templates, bad);
      bad = undefined;
      if (again || good === undefined) return false;
      const found = blameTemplate(diagnostics, config, good.templates, templates);
      if (found === undefined) return false;
      bad = templates;
      emit({ type: 'template-refused', failure: found });
      return true;
    },
  };
}

const same = (a: TemplateSources, b: TemplateSources): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
