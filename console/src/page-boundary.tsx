/** Catches a page that breaks, or whose code could not be fetched, and leaves the rest of the console standing. */
import { Component, type ReactNode } from "react";

import { Failure } from "./components/failure.tsx";
import { Page } from "./components/page.tsx";

interface BoundaryProps {
  /** A change of it is a new page, and a new chance. */
  readonly location: string;
  /** Whether Waypost answers. Once it does again, a page whose code could not be fetched is loaded anew. */
  readonly isUp: boolean;
  readonly onFailure: () => void;
  readonly children: ReactNode;
}

interface BoundaryState {
  readonly error: unknown;
  readonly location: string;
}

export class PageBoundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { error: undefined, location: this.props.location };

  static getDerivedStateFromError(error: unknown): Pick<BoundaryState, "error"> {
    return { error };
  }

  static getDerivedStateFromProps({ location }: BoundaryProps, state: BoundaryState): BoundaryState | null {
    return location === state.location ? null : { error: undefined, location };
  }

  override componentDidCatch(): void {
    this.props.onFailure();
  }

  override componentDidUpdate({ isUp }: BoundaryProps): void {
    if (!isUp && this.props.isUp && isUnfetched(this.state.error)) location.reload();
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <Page title="This page failed" documentTitle="This page failed">
        <Failure
          what={
            isUnfetched(error)
              ? "The page's code could not be fetched."
              : "The page broke while it was shown."
          }
          error={error}
          retry={() => location.reload()}
        />
      </Page>
    );
  }
}

/** What browsers say of an `import()` that failed: nobody answers, or another version is served by now. */
function isUnfetched(error: unknown): boolean {
  return error instanceof TypeError && /import|module/i.test(error.message);
}
