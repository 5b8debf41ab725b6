/**
 * The failures a caller caused or can act on. A closed set: api/error-reply.ts gives each its HTTP
 * status and SparkPost code, and docs/errors.md a paragraph; a test keeps the three together.
 */
export type ErrorCode =
  | "unauthorized"
  | "forbidden"
  | "rate_limited"
  | "malformed_json"
  | "invalid_utf8"
  | "invalid_format"
  | "missing_field"
  | "invalid_parameters"
  | "restricted_domain"
  | "resource_conflict"
  | "not_found"
  | "unknown_path"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "body_too_large"
  | "unreachable_endpoint"
  | "webhook_target_failed"
  | "webhook_tokens_failed"
  | "certificate_check_failed"
  | "certificate_unverified"
  | "certificate_ineligible"
  | "certificate_forbidden"
  | "certificate_check_timed_out"
  | "unavailable";

/**
 * A failure the caller caused or can act on. `message` is the description they read, so it never
 * holds a recipient's address, a token or a key. Anything else that is thrown is a bug or an outage.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What somebody else's server answered to a request that it was asked on a caller's word. */
export interface RemoteResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A failure of somebody else's server. `response` is shown to the caller: it is what their own server said. */
export class RemoteFailure extends AppError {
  readonly response: RemoteResponse | undefined;

  constructor(code: ErrorCode, message: string, response: RemoteResponse | undefined) {
    super(code, message);
    this.response = response;
  }
}
