/** Dialogs and drawers on the browser's own `<dialog>`: it keeps the focus inside, and Escape closes it. */
import { type MouseEvent, type ReactNode, type SyntheticEvent, useEffect, useId, useRef } from "react";

import { Button } from "./button.tsx";

interface DialogProps {
  readonly title: ReactNode;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** `isKept`: it has what cannot be had again, and its own buttons alone close it. `isWide`: it has a list in two columns. */
export function Dialog({
  isWide = false,
  ...props
}: DialogProps & { readonly isKept?: boolean; readonly isWide?: boolean }) {
  const width = isWide ? "w-[min(720px,calc(100%-24px))]" : "w-[min(480px,calc(100%-24px))]";
  return <Modal {...props} className={`m-auto ${width} rounded-2 border border-line bg-raised p-5`} />;
}

/** Slides in at the side; over the whole width of a phone. */
export function Drawer(props: DialogProps) {
  return (
    <Modal
      {...props}
      hasClose
      className="arriving m-0 ml-auto h-dvh max-h-dvh w-[min(560px,100%)] max-w-none border-l border-line bg-raised p-5"
    />
  );
}

function Modal({
  title,
  onClose,
  children,
  className,
  hasClose = false,
  isKept = false,
}: DialogProps & { readonly className: string; readonly hasClose?: boolean; readonly isKept?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // A text that is marked up to beside the dialog ends there with a click, too.
  const isPressedOutside = useRef(false);
  const titleId = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the dialog is the mouse's Escape
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      className={className}
      onCancel={(event) => {
        event.preventDefault();
        if (!isKept) onClose();
      }}
      onClose={isKept ? openAgain : undefined}
      onPointerDown={(event) => {
        isPressedOutside.current = isBeside(event, dialog.current);
      }}
      onClick={(event) => {
        if (!isKept && isPressedOutside.current && isBeside(event, dialog.current)) onClose();
      }}
    >
      <div className="mb-3 flex items-start justify-between gap-4">
        <h2 id={titleId} className="min-w-0">
          {title}
        </h2>
        {hasClose && (
          <Button look="quiet" onClick={onClose} className="-mt-2 -mr-2">
            Close
          </Button>
        )}
      </div>
      {children}
    </dialog>
  );
}

/** For `close`: Chromium lets nobody prevent the second Escape in a row. */
export function openAgain({ currentTarget: dialog }: SyntheticEvent<HTMLDialogElement>): void {
  if (dialog.isConnected && !dialog.open) dialog.showModal();
}

/** On its backdrop, which counts as the dialog itself. */
function isBeside(
  { target, clientX, clientY }: MouseEvent<HTMLElement>,
  dialog: HTMLElement | null,
): boolean {
  if (dialog === null || target !== dialog) return false;
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
