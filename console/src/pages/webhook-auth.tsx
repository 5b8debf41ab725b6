/** The fields that tell how a webhook's receiver knows who calls, as they are typed. Secrets that are stored show as their mask. */
import { type AuthType, MASK, type Webhook, type WebhookRequest } from "../api/webhooks.ts";
import { SelectField, TextArea, TextField } from "../components/field.tsx";

export interface AuthDraft {
  readonly auth: AuthType;
  readonly username: string;
  readonly password: string;
  readonly tokenUrl: string;
  /** `name=value` on each line. */
  readonly tokenFields: string;
  /** `Name: value` on each line. */
  readonly headers: string;
}

export const NO_AUTH: AuthDraft = {
  auth: "none",
  username: "",
  password: "",
  tokenUrl: "",
  tokenFields: "grant_type=client_credentials\nclient_id=\nclient_secret=",
  headers: "",
};

export function authDraftOf(webhook: Webhook): AuthDraft {
  const { auth_type, auth_credentials: basic, auth_request_details: token, custom_headers } = webhook;
  return {
    auth: auth_type,
    username: basic?.username ?? "",
    password: basic?.password ?? "",
    tokenUrl: token?.url ?? "",
    tokenFields: token?.body === undefined ? NO_AUTH.tokenFields : linesOf(token.body, "="),
    headers: linesOf(custom_headers, ": "),
  };
}

/** Part of what the API is sent. */
export function toAuthRequest({
  auth,
  username,
  password,
  tokenUrl,
  tokenFields,
  headers,
}: AuthDraft): Pick<
  WebhookRequest,
  "auth_type" | "auth_credentials" | "auth_request_details" | "custom_headers"
> {
  return {
    auth_type: auth,
    ...(auth === "basic" && { auth_credentials: { username, password } }),
    ...(auth === "oauth2" && {
      auth_request_details: { url: tokenUrl.trim(), body: entriesOf(tokenFields, "=") },
    }),
    custom_headers: entriesOf(headers, ":"),
  };
}

/** Whether something of it would stay as it is stored. */
export function keepsSecrets({ auth, password, tokenFields, headers }: AuthDraft): boolean {
  if (headers.includes(MASK)) return true;
  return auth === "basic" ? password === MASK : auth === "oauth2" && tokenFields.includes(MASK);
}

function linesOf(entries: Readonly<Record<string, unknown>>, separator: string): string {
  return Object.entries(entries)
    .map(([name, value]) => `${name}${separator}${value}`)
    .join("\n");
}

function entriesOf(text: string, separator: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.includes(separator) ? line.indexOf(separator) : line.length;
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

interface AuthFieldsProps {
  readonly draft: AuthDraft;
  readonly set: (change: Partial<AuthDraft>) => void;
}

export function AuthFields({ draft, set }: AuthFieldsProps) {
  return (
    <>
      <SelectField
        label="Authentication"
        help="Every batch is signed as well, so that the receiver can tell that it is from here."
        value={draft.auth}
        onChange={(event) => set({ auth: event.target.value as AuthType })}
        choices={[
          { value: "none", label: "None but the signature" },
          { value: "basic", label: "Basic: a user name and a password" },
          { value: "oauth2", label: "OAuth 2: an access token" },
        ]}
      />
      {draft.auth === "basic" && <BasicFields draft={draft} set={set} />}
      {draft.auth === "oauth2" && <TokenFields draft={draft} set={set} />}
      <TextArea
        label="Headers"
        help="What else goes with every batch, as “Name: value”, one on each line; five at most."
        rows={2}
        value={draft.headers}
        onChange={(event) => set({ headers: event.target.value })}
      />
    </>
  );
}

function BasicFields({ draft, set }: AuthFieldsProps) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <TextField
        label="User name"
        required
        autoComplete="off"
        value={draft.username}
        onChange={(event) => set({ username: event.target.value })}
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="new-password"
        value={draft.password}
        onChange={(event) => set({ password: event.target.value })}
      />
    </div>
  );
}

function TokenFields({ draft, set }: AuthFieldsProps) {
  return (
    <>
      <TextField
        label="Where tokens are asked for"
        required
        inputMode="url"
        placeholder="https://auth.example.com/token"
        value={draft.tokenUrl}
        onChange={(event) => set({ tokenUrl: event.target.value })}
      />
      <TextArea
        label="What is sent there"
        help="A name and a value on each line."
        required
        rows={4}
        value={draft.tokenFields}
        onChange={(event) => set({ tokenFields: event.target.value })}
      />
    </>
  );
}
