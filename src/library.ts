/**
 * What `import … from "waypost/wrap"` gives: link wrapping without a server. Nothing inside imports this file.
 * The key ring comes from `waypost keyring export`, and opens with the installation's secret.
 */
export { isMessageId, type MessageId, newMessageId } from "./domain/message-id.ts";
export { createKeyRing, type KeyRing, keyRingAt, openSealedKeyRing, sealKeyRing } from "./token/key-ring.ts";
export { type CompiledContent, type Content, compile } from "./wrap/compile.ts";
export {
  type CompiledMessage,
  compileMessage,
  createMessageWrapper,
  type MessageOptions,
  type MessageWrapper,
} from "./wrap/mime.ts";
export type { CompileOptions, Recipient, Tracking } from "./wrap/options.ts";
export type { LinkReason, LinkReport, Part, SkippedPart, SkipReason } from "./wrap/report.ts";
