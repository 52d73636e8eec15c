import type { App, AppId } from '../core/app.ts';
import { type Holding, heldApp } from '../core/stand-in.ts';

/** What stands in for apps that are held. */
export interface HeldForms {
  /** The same object while nothing of it changes: what is made of it is remembered by that. */
  of(app: App, holding: Holding): App;
  forget(app: AppId): void;
}

/** Nobody is held. */
export function createHeldForms(): HeldForms {
  const forms = new Map<AppId, { readonly of: App; readonly holding: Holding; readonly app: App }>();
  return {
    of(app, holding) {
      const before = forms.get(app.id);
      if (before?.of === app && before.holding.step === holding.step && before.holding.good === holding.good)
        return before.app;
      const made = { of: app, holding, app: heldApp(app, holding) };
      forms.set(app.id, made);
      return made.app;
    },
    forget: (app) => void forms.delete(app),
  };
}
