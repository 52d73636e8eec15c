import type { FastifyRequest } from 'fastify';

/** One finding of ajv about a request. */
export interface Refused {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Names the parameter, its value and what was expected: ajv's own words name neither value nor choices. */
export function describeRefused({ keyword, instancePath, message, params }: Refused, request: FastifyRequest): string {
  const { querystring, body } = (request.routeOptions.schema ?? {}) as {
    readonly querystring?: ParameterSchema;
    readonly body?: ParameterSchema;
  };
  const known = Object.keys({ ...querystring?.properties, ...body?.properties });
  if (keyword === 'additionalProperties') {
    const expected = known.length === 0 ? 'this takes no parameters' : `expected ${known.join(', ')}`;
    return `unknown parameter "${String(params['additionalProperty'])}": ${expected}`;
  }
  const name = instancePath.replace(/^\//, '');
  const given = { ...asRecord(request.query), ...asRecord(request.body) }[name];
  const spec = querystring?.properties?.[name] ?? body?.properties?.[name];
  const meaning = spec?.description === undefined ? '' : ` (${spec.description})`;
  return `${name === '' ? 'body' : `${name} ${JSON.stringify(given)}`}: ${message ?? 'not as expected'}${meaning}`;
}

interface ParameterSchema {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : {};
