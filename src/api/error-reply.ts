/** The only place that knows SparkPost's error bodies: each code of ours with its status, code and message there. */
import { AppError, type ErrorCode, RemoteFailure, type RemoteResponse } from "../domain/errors.ts";

interface ErrorKind {
  readonly status: number;
  /** SparkPost's extended code; absent where its replies have none. Of webhooks it is a number. */
  readonly code?: string | number;
  readonly message: string;
  /** Whether the error's own text is sent as `description`. */
  readonly described: boolean;
}

/** Statuses and texts: the specification, then SparkPost's catalogue of extended error codes. */
export const ERROR_KINDS = {
  malformed_json: { status: 422, code: "1300", message: "invalid data format/type", described: true },
  invalid_format: { status: 422, code: "1300", message: "invalid data format/type", described: true },
  missing_field: { status: 422, code: "1400", message: "required field is missing", described: true },
  restricted_domain: { status: 400, code: "7000", message: "restricted domain", described: true },
  resource_conflict: { status: 409, code: "1602", message: "resource conflict", described: true },
  not_found: { status: 404, code: "1600", message: "resource not found", described: true },
  unreachable_endpoint: {
    status: 400,
    code: "1404",
    message: "request to remote endpoint failed",
    described: true,
  },
  webhook_target_failed: {
    status: 400,
    code: 400,
    message: "POST to webhook target URL failed",
    described: true,
  },
  webhook_tokens_failed: {
    status: 400,
    code: 400,
    message: "POST to webhook tokens URL failed",
    described: true,
  },
  certificate_check_failed: {
    status: 400,
    message: "Certificate eligibility check failed",
    described: true,
  },
  certificate_unverified: {
    status: 400,
    message: "Domain must be verified before enabling managed certificates",
    described: true,
  },
  certificate_ineligible: {
    status: 403,
    message: "Domain is not eligible for managed certificates due to Let's Encrypt policies",
    described: true,
  },
  certificate_forbidden: {
    status: 403,
    message: "Managed certificates cannot be issued for this domain due to Let's Encrypt policies",
    described: true,
  },
  certificate_check_timed_out: {
    status: 503,
    message: "Certificate eligibility check timed out",
    described: true,
  },
  invalid_parameters: { status: 400, code: "1200", message: "invalid params", described: true },
  invalid_utf8: { status: 400, code: "1305", message: "invalid UTF-8", described: true },
  unauthorized: { status: 401, message: "Unauthorized.", described: false },
  forbidden: { status: 403, message: "Forbidden.", described: false },
  unknown_path: { status: 404, code: "1101", message: "invalid URI", described: true },
  method_not_allowed: { status: 405, code: "1102", message: "invalid http method", described: true },
  body_too_large: { status: 413, message: "request body too large", described: true },
  unsupported_media_type: {
    status: 415,
    code: "1700",
    message: "Unsupported Content-Type header",
    described: true,
  },
  rate_limited: { status: 429, message: "Too many requests", described: true },
  unavailable: { status: 503, message: "service unavailable", described: true },
} as const satisfies Record<ErrorCode, ErrorKind>;

export interface ErrorReply {
  readonly status: number;
  readonly body: { readonly errors: readonly ErrorEntry[] };
}

interface ErrorEntry {
  readonly code?: string | number;
  readonly message: string;
  readonly description?: string;
  readonly response?: RemoteResponse;
}

/** What the caller reads. Anything but an {@link AppError} is a bug or an outage, and says nothing of itself. */
export function toErrorReply(error: unknown): ErrorReply {
  if (!(error instanceof AppError)) return { status: 500, body: { errors: [{ message: "internal error" }] } };
  const kind: ErrorKind = ERROR_KINDS[error.code];
  const description = kind.described ? { description: error.message } : {};
  const code = kind.code === undefined ? {} : { code: kind.code };
  const hasResponse = error instanceof RemoteFailure && error.response !== undefined;
  const response = hasResponse ? { response: error.response } : {};
  const entry = { ...code, message: kind.message, ...description, ...response };
  return { status: kind.status, body: { errors: [entry] } };
}
