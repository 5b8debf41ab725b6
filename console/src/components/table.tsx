/**
 * Tables with fixed columns and one line a row. A row is opened by its link, by a click anywhere, or by Enter after the arrow
 * keys. On a phone a row has two lines and nothing scrolls sideways. Roles are spelled out, since a grid display loses them.
 */
import type { KeyboardEvent, MouseEvent, ReactNode } from "react";
import { Link, useLocation } from "wouter";

import { SelectField } from "./field.tsx";

/** Where a cell stands on a phone; absent: not at all. */
type Place = "title" | "aside" | "below" | "below-aside";

export interface Column<Row> {
  readonly id: string;
  readonly head: ReactNode;
  readonly cell: (row: Row) => ReactNode;
  /** A width class; absent: what is left. */
  readonly width?: string;
  readonly place?: Place;
  readonly isNumber?: boolean;
  /** Its head is a word then. */
  readonly isSortable?: boolean;
}

export interface Sort {
  readonly by: string;
  readonly descending: boolean;
}

export interface TableProps<Row> {
  /** What the rows are, for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Of the page or drawer that a row opens. The first column's content is the link. */
  readonly rowHref?: (row: Row) => string;
  readonly sort?: Sort;
  readonly onSort?: (sort: Sort) => void;
  /** The row whose drawer is open. */
  readonly selected?: string | undefined;
}

const PLACES: Readonly<Record<Place, string>> = {
  title: "max-sm:col-start-1 max-sm:row-start-1 max-sm:min-w-0",
  aside: "max-sm:col-start-2 max-sm:row-start-1 max-sm:text-right",
  below: "max-sm:col-start-1 max-sm:row-start-2 max-sm:min-w-0 max-sm:text-soft",
  "below-aside": "max-sm:col-start-2 max-sm:row-start-2 max-sm:text-right max-sm:text-soft",
};

export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rows, rowKey } = props;
  return (
    <>
      <SortField {...props} />
      <table role="table" aria-label={label} className="w-full table-fixed border-t border-line max-sm:block">
        <colgroup className="max-sm:hidden">
          {columns.map(({ id, width = "" }) => (
            <col key={id} className={width} />
          ))}
        </colgroup>
        <Head {...props} />
        <tbody role="rowgroup" className="max-sm:block" onKeyDown={moveByArrows}>
          {rows.map((row) => (
            <Row key={rowKey(row)} row={row} {...props} />
          ))}
        </tbody>
      </table>
    </>
  );
}

const DOWN = "-";

/** Where the head, with its buttons, is not shown. */
function SortField<Row>({ columns, sort, onSort }: TableProps<Row>) {
  if (sort === undefined || onSort === undefined) return null;
  const choices = columns
    .filter(({ isSortable = false }) => isSortable)
    .flatMap(({ id, head }) => [
      { value: id, label: `Sort by ${String(head).toLowerCase()}` },
      { value: `${DOWN}${id}`, label: `Sort by ${String(head).toLowerCase()}, descending` },
    ]);
  return (
    <div className="mb-4 sm:hidden">
      <SelectField
        label="Sort"
        bare
        value={`${sort.descending ? DOWN : ""}${sort.by}`}
        onChange={({ target: { value } }) =>
          onSort({ by: value.replace(DOWN, ""), descending: value.startsWith(DOWN) })
        }
        choices={choices}
      />
    </div>
  );
}

function Head<Row>({ columns, sort, onSort }: TableProps<Row>) {
  return (
    <thead role="rowgroup" className="max-sm:sr-only">
      <tr role="row" className="border-b border-line text-left text-meta text-soft">
        {columns.map(({ id, head, isNumber = false, isSortable = false }) => {
          const isSorted = sort?.by === id;
          const order = isSorted ? (sort.descending ? "descending" : "ascending") : undefined;
          return (
            <th
              key={id}
              role="columnheader"
              scope="col"
              aria-sort={order}
              className={`truncate py-2 pr-4 font-medium last:pr-2 first:pl-2 ${isNumber ? "text-right" : ""}`}
            >
              {isSortable ? (
                <button
                  type="button"
                  className="hover:text-ink"
                  onClick={() => onSort?.({ by: id, descending: order === "ascending" })}
                >
                  {head} <span aria-hidden="true">{isSorted ? (sort.descending ? "↓" : "↑") : ""}</span>
                </button>
              ) : (
                head
              )}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function Row<R>({ row, columns, rowKey, rowHref, selected }: TableProps<R> & { readonly row: R }) {
  const [, navigate] = useLocation();
  const href = rowHref?.(row);
  const open = (event: MouseEvent) => {
    if (href !== undefined && !isForSomethingElse(event)) navigate(href);
  };
  return (
    <tr
      role="row"
      onClick={open}
      aria-current={selected !== undefined && selected === rowKey(row) ? true : undefined}
      className={`border-b border-line max-sm:grid max-sm:grid-cols-[minmax(0,1fr)_auto] max-sm:gap-x-3 max-sm:py-2 aria-[current]:bg-tint ${href === undefined ? "" : "cursor-pointer hover:bg-hover"}`}
    >
      {columns.map(({ id, cell, place, isNumber = false }, index) => (
        <td
          key={id}
          role="cell"
          className={`h-10 truncate py-1 pr-4 last:pr-2 first:pl-2 max-sm:h-auto max-sm:py-0.5 max-sm:last:pr-0 max-sm:first:pl-0 max-sm:pr-0 ${isNumber ? "figures text-right" : ""} ${place === undefined ? "max-sm:hidden" : PLACES[place]}`}
        >
          {index === 0 && href !== undefined ? (
            <Link href={href} data-row="" className="block min-w-0 truncate font-medium">
              {cell(row)}
            </Link>
          ) : (
            cell(row)
          )}
        </td>
      ))}
    </tr>
  );
}

/** A link or button in the row, a new tab, or text that is being marked. */
function isForSomethingElse(event: MouseEvent): boolean {
  const isControl = (event.target as Element).closest("a, button, input, select, label") !== null;
  const isMarking = (getSelection()?.toString() ?? "") !== "";
  return isControl || isMarking || event.metaKey || event.ctrlKey || event.button !== 0;
}

function moveByArrows(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-row]")];
  const at = links.indexOf(event.target as HTMLElement);
  if (step === undefined || at === -1) return;
  event.preventDefault();
  links[at + step]?.focus();
}

/** `1–100 of 10,000`, and the way to the other pages. */
export function Pages({
  page,
  perPage,
  total,
  what,
  onPage,
}: {
  readonly page: number;
  readonly perPage: number;
  readonly total: number;
  readonly what: string;
  readonly onPage: (page: number) => void;
}) {
  const count = new Intl.NumberFormat("en-US");
  const first = total === 0 ? 0 : page * perPage + 1;
  const last = Math.min(total, (page + 1) * perPage);
  if (total <= perPage) return null;
  return (
    <nav aria-label={`Pages of ${what}`} className="mt-3 flex items-center justify-between gap-3">
      <p className="figures text-soft">
        {count.format(first)}–{count.format(last)} of {count.format(total)}
      </p>
      <div className="flex gap-2">
        <PageButton onClick={() => onPage(page - 1)} isOff={page === 0} word="Previous" />
        <PageButton onClick={() => onPage(page + 1)} isOff={last >= total} word="Next" />
      </div>
    </nav>
  );
}

function PageButton({
  word,
  isOff,
  onClick,
}: {
  readonly word: string;
  readonly isOff: boolean;
  readonly onClick: () => void;
}) {
  return (
    <button
      type="button"
      disabled={isOff}
      onClick={onClick}
      className="min-h-9 rounded-1 border border-edge bg-raised px-3 font-medium hover:bg-hover disabled:opacity-50"
    >
      {word}
    </button>
  );
}
