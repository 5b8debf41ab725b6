/** How `--help` is laid out: beside each other where there is room, and else what something is for below its name. */
import { Help, type HelpConfiguration } from "commander";

/** Narrower columns of text are a word or two wide. */
const MIN_TEXT_WIDTH = 40;
/** Below that a description would be as high as the terminal. */
const MIN_WIDTH_TO_WRAP = 20;
const TERM_INDENT = "  ";
const TEXT_INDENT = "      ";

export const HELP_LAYOUT: HelpConfiguration = {
  minWidthToWrap: MIN_WIDTH_TO_WRAP,
  formatItem: (term, termWidth, description, helper) => {
    const width = helper.helpWidth ?? 80;
    if (description === "" || width - termWidth - 2 * TERM_INDENT.length >= MIN_TEXT_WIDTH)
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    const text = helper.boxWrap(description, width - TEXT_INDENT.length).replaceAll("\n", `\n${TEXT_INDENT}`);
    return `${TERM_INDENT}${term}\n${TEXT_INDENT}${text}`;
  },
};
