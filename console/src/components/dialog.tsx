/** Dialogs and drawers on the browser's own `<dialog>`: it keeps the focus inside, and Escape closes it. */
import { type ReactNode, useEffect, useId, useRef } from "react";

import { Button } from "./button.tsx";

interface DialogProps {
  readonly title: ReactNode;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Dialog(props: DialogProps) {
  return (
    <Modal
      {...props}
      className="m-auto w-[min(480px,calc(100vw-24px))] rounded-2 border border-line bg-raised p-5"
    />
  );
}

/** Slides in at the side; over the whole width of a phone. */
export function Drawer(props: DialogProps) {
  return (
    <Modal
      {...props}
      hasClose
      className="arriving m-0 ml-auto h-dvh max-h-dvh w-[min(560px,100vw)] max-w-none border-l border-line bg-raised p-5"
    />
  );
}

function Modal({
  title,
  onClose,
  children,
  className,
  hasClose = false,
}: DialogProps & { readonly className: string; readonly hasClose?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
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
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current && isOutside(event, dialog.current)) onClose();
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

function isOutside({ clientX, clientY }: { clientX: number; clientY: number }, dialog: HTMLElement): boolean {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
