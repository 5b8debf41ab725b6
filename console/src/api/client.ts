/** The one way to the API: JSON in, JSON out, and every failure in the same shape. */

/** What went wrong, in words that can be shown. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: string | undefined;
  readonly requestId: string | undefined;

  constructor(
    message: string,
    about: {
      readonly status: number;
      readonly code?: string | undefined;
      readonly requestId?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.status = about.status;
    this.code = about.code;
    this.requestId = about.requestId;
  }

  /** Nobody answered, or a proxy said so in somebody's place. */
  get isOutage(): boolean {
    return this.status === 0 || this.status >= 502;
  }
}

export interface Request {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: unknown;
  /** Whose things the request concerns; absent: everybody's, as far as the key may see them. */
  readonly subaccount?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface ErrorBody {
  readonly errors?: readonly {
    readonly message?: string;
    readonly code?: string;
    readonly description?: string;
  }[];
}

const TIMEOUT_MS = 30_000;

/** Resolves to the reply's body; rejects with an {@link ApiFailure} for everything but success. */
export async function callApi<T>(path: string, request: Request = {}): Promise<T> {
  const { method = "GET", body, subaccount, signal } = request;
  const response = await send(`/api/v1${path}`, {
    method,
    headers: {
      accept: "application/json",
      "x-waypost-console": "1",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(subaccount === undefined ? {} : { "x-msys-subaccount": String(subaccount) }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: anySignal(signal),
  });
  if (!response.ok) throw await failureOf(response);
  // 204 has no body, and whoever asks for it wants none.
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Resolves when a reply, which may be without an end, begins well, and takes no more of it; rejects as {@link callApi} does. */
export async function callToSee(path: string, signal?: AbortSignal): Promise<void> {
  const seen = new AbortController();
  const until = signal === undefined ? seen.signal : AbortSignal.any([seen.signal, signal]);
  try {
    const response = await send(`/api/v1${path}`, {
      headers: { "x-waypost-console": "1" },
      signal: anySignal(until),
    });
    if (!response.ok) throw await failureOf(response);
  } finally {
    seen.abort();
  }
}

/** As {@link callApi}, for the many replies that keep what they say under `results`. */
export async function callForResults<T>(path: string, request: Request = {}): Promise<T> {
  const { results } = await callApi<{ readonly results: T }>(path, request);
  return results;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted && !isTimeout(init.signal.reason)) throw cause;
    throw new ApiFailure("Waypost does not answer.", { status: 0, cause });
  }
}

function anySignal(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

async function failureOf(response: Response): Promise<ApiFailure> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const error = body.errors?.[0];
  return new ApiFailure(error?.description ?? error?.message ?? `HTTP status ${response.status}`, {
    status: response.status,
    code: error?.code,
    requestId: response.headers.get("x-request-id") ?? undefined,
  });
}

/** A path with a query, from parts that may be absent or empty. */
export function withQuery(
  path: string,
  parameters: Readonly<Record<string, string | number | undefined>>,
): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query === "" ? path : `${path}?${query}`;
}
