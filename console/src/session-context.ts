/** The signed-in key, for every page below. */
import { createContext, useContext } from "react";

import type { Session } from "./api/session.ts";

export const SessionContext = createContext<Session | undefined>(undefined);

/** Only below a session. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("there is no session here");
  return session;
}

/** Whether the key has the grant. */
export function useMay(grant: string): boolean {
  return useSession().grants.includes(grant);
}
