/** Tries what Waypost does to a message, and looks into links that it made. */
import { Page, Section } from "../components/page.tsx";
import { OpenLink } from "./open-link.tsx";
import { WrapTrial } from "./wrap-trial.tsx";

export function Tester() {
  return (
    <Page
      title="Link tester"
      documentTitle="Link tester"
      about="Nothing is sent from here. The links are real: whoever opens one is counted."
    >
      <Section title="Wrap a message" isWide>
        <WrapTrial />
      </Section>
      <Section
        title="Open a tracked link"
        about="What a link in somebody's mail holds. Looking counts nothing."
        isWide
      >
        <OpenLink />
      </Section>
    </Page>
  );
}
