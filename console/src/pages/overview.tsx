/** The first page: what needs attention, then what recipients did. */
import { Page } from "../components/page.tsx";

export function Overview() {
  return (
    <Page title="Overview" documentTitle="Overview">
      <p />
    </Page>
  );
}
