import type { AppId } from './app.ts';

/** Where a value came from, so that every line and every complaint can name its cause. */
export type Origin =
  | { readonly from: 'default' }
  | { readonly from: 'setting'; readonly name: string }
  | { readonly from: 'app'; readonly app: AppId }
  | { readonly from: 'label'; readonly app: AppId; readonly label: string };

/** A value that knows who asked for it. */
export interface Sourced<T> {
  readonly value: T;
  readonly origin: Origin;
}

/** What a stage that cannot fail made, and what it had to leave out. */
export interface Checked<T> {
  readonly value: T;
  readonly problems: readonly Problem[];
}

/**
 * Stable codes of what can be wrong with someone's input, each with what it means and what to do about it.
 * README's table is generated from here.
 */
export const PROBLEM_CODES = {
  AppMalformed:
    'The app, as Marathon gave it, lacks what every app has (an id). It is left out; no other app is affected.',
  TaskMalformed: 'One task cannot be understood. It is left out; the other tasks of the app serve.',
  NoAddress: 'The task has no address or port for this service yet. It gets no traffic until Marathon reports one.',
  HostUnresolvable: 'The agent’s host name has never resolved here. Its tasks get no traffic until it does.',
  DefinitionUnknown:
    'The task runs an older version of its app that Marathon no longer shows. It is served by its app’s present ports, without a HAProxy check.',
  LabelInvalid:
    'The label’s value is not of the kind expected. The label is ignored, or the route refused where it cannot do without. An app that would lose a route by it is held at its last good definition instead (`Quarantined`).',
  LabelUnknown: 'No label of this name exists. The nearest known name is suggested.',
  LabelIndexOutOfRange: 'The label’s index is beyond the app’s ports. The label has no effect.',
  LabelNotYetHonoured:
    'The label is one of marathon-lb’s template overrides, which this version does not honour. The route works without it.',
  LabelWithoutEffect:
    'The label needs another one beside it (a path needs a vhost, …) or is overruled. It has no effect.',
  UdpNotProxied: 'HAProxy proxies TCP and HTTP only. A UDP port gets no frontend.',
  NoServicePort:
    'The port has no service port: Marathon gave none, and none of the range for IP-per-task apps was left.',
  HostnameConflict:
    'Another app owns this host name and path, this app id but for its case, or hosts below this wildcard. It keeps them; this app gets them when the owner leaves.',
  PortConflict:
    'Another app owns this address and port, or Portolan itself does. It keeps them; this service gets its port when the owner leaves.',
  BackendNameConflict: 'Two services flatten to the same backend name. The owner keeps it; rename one of the apps.',
  RouteShadowed:
    'A route on the same host with an explicit higher HAPROXY_{n}_BACKEND_WEIGHT covers this path. The longer path is not used.',
  CertificateUnusable:
    'The certificate named does not exist below --ssl-certs, or was refused. The bind is left out, or the default certificate used.',
  CheckInvalid:
    'The path of the health check holds characters that HAProxy cannot be given. The path `/` is checked instead.',
  DeploymentGroupInvalid: 'The labels of the deployment group do not fit together. The app is routed by itself.',
  Quarantined:
    'HAProxy refused what this app asks for, or a label cannot be understood by which it would lose what it has. Its last good definition serves on with its present servers (`value-ignored`); an app that was never accepted is left out (`app-excluded`). It is tried again when its definition changes.',
  ListenerHeld:
    'Somebody else has the address, which is named, it is not of this machine, or outgoing connections use the port (net.ipv4.ip_local_reserved_ports keeps them off). Everything else serves; it opens by itself.',
} as const satisfies Readonly<Record<string, string>>;

/** One of the stable problem codes. */
export type ProblemCode = keyof typeof PROBLEM_CODES;

/** Something wrong with somebody's input: a value, never an exception. It costs only what `effect` says. */
export interface Problem {
  readonly code: ProblemCode;
  /** What is lost: one value, one route (port) or the whole app. `notice` costs nothing. */
  readonly effect: 'notice' | 'value-ignored' | 'route-refused' | 'app-excluded';
  /** A full sentence that names label, value and expectation. Printable, at most 500 characters. */
  readonly message: string;
  readonly origin: Origin;
  /** The refused value, shortened to 120 characters, control characters escaped. Secrets are masked. */
  readonly value?: string;
  /** What would have been right. */
  readonly expected?: string;
  /** A right value, ready to copy. */
  readonly example?: string;
}

/** Makes a foreign text safe to show: control characters escaped, shortened to `limit` characters. */
export function printable(text: string, limit = 120): string {
  const shown = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => {
    const code = c.charCodeAt(0);
    return code === 10 ? '\\n' : code === 13 ? '\\r' : code === 9 ? '\\t' : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return shown.length <= limit ? shown : `${shown.slice(0, limit - 1)}…`;
}

/** The app a value or problem belongs to, if it belongs to one. */
export function appOf(origin: Origin): AppId | undefined {
  return origin.from === 'app' || origin.from === 'label' ? origin.app : undefined;
}
