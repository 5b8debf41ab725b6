/** The way in: a whole page at first, a dialog over the open page when a session has ended meanwhile. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { ApiFailure } from "./api/client.ts";
import { SESSION_KEY, type Session, signIn } from "./api/session.ts";
import { Button } from "./components/button.tsx";
import { openAgain } from "./components/dialog.tsx";
import { explain } from "./components/failure.tsx";
import { TextField } from "./components/field.tsx";
import { Wordmark } from "./wordmark.tsx";

export function SignInPage() {
  useEffect(() => {
    document.title = "Sign in · Waypost";
  }, []);
  return (
    <main className="mx-auto w-[min(400px,100%)] px-4 pt-[14vh] pb-10">
      <div className="mb-8">
        <Wordmark />
      </div>
      <h1 className="mb-4">Sign in</h1>
      <SignInForm />
      <p className="mt-6 text-soft">
        The first key was shown when Waypost first started, or stands in the file{" "}
        <code className="font-mono text-meta">first-key</code> of its data directory. Another one is made by
      </p>
      <pre className="mt-2 whitespace-pre-wrap font-mono text-meta">
        waypost keys create --label "Ann, console"
      </pre>
    </main>
  );
}

/** Keeps the page behind it as it is, with everything that was typed. */
export function SessionEnded() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="ended"
      onCancel={(event) => event.preventDefault()}
      onClose={openAgain}
      className="m-auto w-[min(400px,calc(100%-24px))] rounded-2 border border-line bg-raised p-5"
    >
      <h2 id="ended">Your session has ended</h2>
      <p className="mt-1 mb-4 text-soft">Sign in again to go on. The page stays as it is.</p>
      <SignInForm />
    </dialog>
  );
}

function SignInForm() {
  const [key, setKey] = useState("");
  const queries = useQueryClient();
  const attempt = useMutation({
    mutationKey: ["sign-in"],
    mutationFn: signIn,
    onSuccess: async (session) => {
      const former = queries.getQueryData<Session>(SESSION_KEY);
      // Another key sees other things: nothing of the former one's may stay on the screen.
      if (former !== undefined && former.key_id !== session.key_id) return location.reload();
      queries.setQueryData(SESSION_KEY, session);
      await queries.invalidateQueries();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt.mutate(key);
  };
  return (
    <form onSubmit={submit} className="grid gap-4">
      <TextField
        label="API key"
        name="key"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
        value={key}
        onChange={(event) => setKey(event.target.value)}
        problem={attempt.isError ? problemOf(attempt.error) : undefined}
      />
      <Button look="primary" type="submit" busy={attempt.isPending ? "Signing in …" : undefined}>
        Sign in
      </Button>
      {isInClear() && (
        <p className="text-wait">
          This page came over plain HTTP: whoever is on the way can read the key. Open it over HTTPS instead.
        </p>
      )}
    </form>
  );
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiFailure)) return explain(error);
  if (error.status === 401)
    return "No such key. Check that it was copied whole, and that it was not revoked.";
  if (error.status === 403) return "This key may not be used from your address.";
  return explain(error);
}

function isInClear(): boolean {
  return (
    location.protocol === "http:" &&
    !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.*\.localhost)$/.test(location.hostname)
  );
}
