/**
 * Why a route does not serve (or that it does): stable codes, each with what to do. `terminal`: waiting does not help, the
 * asker must change something. README's table is generated from here. Codes shared with `PROBLEM_CODES` mean the same.
 */
export const ROUTE_REASONS = {
  Ready: { terminal: false, next: 'Nothing: requests reach a server.' },
  NoSuchHost: { terminal: false, next: 'No app asks for this host name. Create the app, or check HAPROXY_{n}_VHOST.' },
  WrongGroup: { terminal: true, next: 'Set HAPROXY_GROUP to a group that this node serves.' },
  NotEnabled: { terminal: true, next: 'Set HAPROXY_{n}_ENABLED to true.' },
  LabelInvalid: { terminal: true, next: 'Correct the label that the message names.' },
  LabelWithoutEffect: { terminal: true, next: 'Add or remove the label that the message names.' },
  HostnameConflict: { terminal: true, next: 'Choose another host name or path, or remove the owner’s claim.' },
  PortConflict: { terminal: true, next: 'Choose another service port.' },
  BackendNameConflict: { terminal: true, next: 'Rename one of the two apps.' },
  RouteShadowed: { terminal: true, next: 'Raise HAPROXY_{n}_BACKEND_WEIGHT, or choose another path.' },
  NoServicePort: { terminal: true, next: 'Give the port a service port (servicePort or HAPROXY_{n}_PORT).' },
  UdpNotProxied: { terminal: true, next: 'Give the app a TCP port.' },
  CertificateUnusable: { terminal: true, next: 'Name a certificate that exists below --ssl-certs.' },
  AppMalformed: { terminal: true, next: 'Correct the app’s definition.' },
  Quarantined: { terminal: true, next: 'Correct what HAProxy refused; the message has its words and the label.' },
  AppSuspended: { terminal: false, next: 'Scale the app to at least one instance.' },
  TaskStaging: { terminal: false, next: 'Wait for a task to start; Marathon shows why when it does not.' },
  ReadinessCheckPending: {
    terminal: false,
    next: 'Wait until a task passes its readiness check: a deployment of the app runs.',
  },
  TaskKilling: { terminal: false, next: 'Wait for a new task: the present ones are being stopped.' },
  PortInUse: {
    terminal: false,
    next: 'End who has the address that the message names; it is listened on as soon as it is free.',
  },
  MarathonUnhealthy: { terminal: false, next: 'Look at the task’s health check in Marathon.' },
  HealthUnknown: { terminal: false, next: 'Wait for Marathon’s first health result.' },
  NoAddress: { terminal: false, next: 'Wait until Marathon reports an address and port of the task.' },
  HostUnresolvable: { terminal: false, next: 'Make the agent’s host name resolvable on this node.' },
  NoServerUp: { terminal: false, next: 'The task listens on another port, is still starting, or its check fails.' },
  WaitingForReload: { terminal: false, next: 'Wait: the new configuration is about to be loaded.' },
  GenerationNotConfirmed: { terminal: false, next: 'Wait: the worker runs another generation than expected.' },
  RenderFailed: { terminal: false, next: 'Correct the template that /v1/status names.' },
  ValidationFailed: { terminal: false, next: 'HAProxy refuses the new configuration; /v1/status has its words.' },
  ReloadFailed: { terminal: false, next: 'The reload failed and is tried again; /v1/status has HAProxy’s words.' },
  HAProxyDown: { terminal: false, next: 'HAProxy does not run or does not answer; it is being restarted.' },
} as const satisfies Readonly<Record<string, { readonly terminal: boolean; readonly next: string }>>;

/** One of the reason codes of `/v1/routes/{vhost}`. */
export type RouteReason = keyof typeof ROUTE_REASONS;

/** Why something does not serve, in one code and one sentence. */
export interface Because {
  readonly reason: RouteReason;
  readonly message: string;
}

/** True when a problem's code is also a reason why a route does not serve. */
export function isRouteReason(code: string): code is RouteReason {
  return Object.hasOwn(ROUTE_REASONS, code);
}
