import { LABELS, spellLabel, TEMPLATE_LABELS } from './labels.ts';
import { nearestName } from './nearest.ts';

/** `HAPROXY_{0}_VHOST`, `haproxy-0-vhost`, `HAPROXY_00_VHOST`…: the index, if any, and what was probably the name. */
const SHAPE = /^HAPROXY_*(?:[{[(<]*(\d{1,4})[}\])>]*_+)?(.*)$/;

const PORT_NAMES = [
  ...Object.values(LABELS).flatMap((spec) => (spec.level === 'port' ? [spec.name] : [])),
  ...TEMPLATE_LABELS,
];
const APP_NAMES = Object.values(LABELS).flatMap((spec) => (spec.level === 'app' ? [spec.name] : []));

/** The known label that an unknown one was most likely meant to be; undefined when nothing is near. */
export function suggestLabel(key: string): string | undefined {
  const match = SHAPE.exec(
    key
      .trim()
      .toUpperCase()
      .slice(0, 100)
      .replaceAll(/[\s.-]+/g, '_'),
  );
  if (match === null) return undefined;
  const meant = (match[2] ?? '').replaceAll(/[^A-Z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '');
  const name = nearestName(meant, [...PORT_NAMES, ...APP_NAMES]);
  if (name === undefined) return undefined;
  const isOfApp = APP_NAMES.includes(name) && (match[1] === undefined || !PORT_NAMES.includes(name));
  return spellLabel(name, isOfApp ? undefined : Number(match[1] ?? 0));
}
