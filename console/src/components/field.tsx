/** Form fields: a label above, help below, and what is wrong in the help's place. */
import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from "react";

interface Around {
  readonly label: string;
  readonly help?: ReactNode;
  readonly problem?: string | undefined;
  /** The label is for screen readers alone: the field stands where its meaning shows. */
  readonly bare?: boolean;
  /** The label stands on the field's line. */
  readonly beside?: boolean;
}

interface Wiring {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

function Labelled({
  label,
  help,
  problem,
  bare = false,
  beside = false,
  children,
}: Around & { readonly children: (wiring: Wiring) => ReactNode }) {
  const id = useId();
  const hasMore = help !== undefined || problem !== undefined;
  return (
    <div className={beside ? "grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-3" : "min-w-0"}>
      <label htmlFor={id} className={bare ? "sr-only" : beside ? "text-soft" : "mb-1 block font-medium"}>
        {label}
      </label>
      {children({
        id,
        "aria-describedby": hasMore ? `${id}-more` : undefined,
        "aria-invalid": problem === undefined ? undefined : true,
      })}
      {hasMore && (
        <p id={`${id}-more`} className={`mt-1 ${problem === undefined ? "text-soft" : "text-bad"}`}>
          {problem ?? help}
        </p>
      )}
    </div>
  );
}

export function TextField({
  label,
  help,
  problem,
  bare,
  className = "",
  ...input
}: Around & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Labelled {...around({ label, help, problem, bare })}>
      {(wiring) => <input spellCheck={false} {...input} {...wiring} className={`field ${className}`} />}
    </Labelled>
  );
}

/** Above a list: narrows it with every letter. */
export function SearchField({
  label,
  placeholder = label,
  value,
  onSearch,
}: {
  readonly label: string;
  readonly placeholder?: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
}) {
  return (
    <div className="min-w-48 flex-1 max-sm:basis-full sm:max-w-80">
      <TextField
        label={label}
        bare
        type="search"
        placeholder={placeholder}
        value={value}
        onChange={(event) => onSearch(event.target.value)}
      />
    </div>
  );
}

export function TextArea({
  label,
  help,
  problem,
  bare,
  className = "",
  ...input
}: Around & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Labelled {...around({ label, help, problem, bare })}>
      {(wiring) => (
        <textarea
          spellCheck={false}
          {...input}
          {...wiring}
          className={`field font-mono text-meta ${className}`}
        />
      )}
    </Labelled>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function SelectField({
  label,
  help,
  problem,
  bare,
  beside,
  choices,
  className = "",
  ...select
}: Around & SelectHTMLAttributes<HTMLSelectElement> & { readonly choices: readonly Choice[] }) {
  return (
    <Labelled {...around({ label, help, problem, bare, beside })}>
      {(wiring) => (
        <select {...select} {...wiring} className={`field ${className}`}>
          {choices.map(({ value, label: text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

export function CheckField({
  label,
  help,
  ...input
}: { readonly label: ReactNode; readonly help?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className="flex gap-2">
      <input type="checkbox" id={id} {...input} className="mt-0.5 size-4 shrink-0 accent-accent" />
      <label htmlFor={id} className="min-w-0">
        {label}
        {help !== undefined && <span className="block text-soft">{help}</span>}
      </label>
    </div>
  );
}

/** Without what is not given: an absent attribute is not the same as `undefined`. */
function around({
  label,
  help,
  problem,
  bare,
  beside,
}: { [Name in keyof Around]?: Around[Name] | undefined } & { readonly label: string }): Around {
  return {
    label,
    ...(beside === undefined ? {} : { beside }),
    ...(help === undefined ? {} : { help }),
    ...(problem === undefined ? {} : { problem }),
    ...(bare === undefined ? {} : { bare }),
  };
}
