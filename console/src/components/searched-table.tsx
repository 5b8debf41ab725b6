/** A table that is narrowed by a text: anywhere in what a row is known by, in any case of letters. The URL keeps it. */
import { useUrlState } from "../url-state.ts";
import { Note } from "./failure.tsx";
import { SearchField } from "./field.tsx";
import { Table, type TableProps } from "./table.tsx";

interface SearchedTableProps<Row> extends TableProps<Row> {
  /** `name or target`. */
  readonly searchedBy: string;
  /** What a row is known by. */
  readonly textsOf: (row: Row) => readonly string[];
}

export function SearchedTable<Row>({ searchedBy, textsOf, rows, ...table }: SearchedTableProps<Row>) {
  const url = useUrlState();
  const wanted = url.get("q").trim().toLowerCase();
  const found = rows.filter((row) => textsOf(row).some((text) => text.toLowerCase().includes(wanted)));
  return (
    <>
      <search className="mb-4 flex">
        <SearchField
          label={`Search ${table.label}`}
          placeholder={`Search by ${searchedBy}`}
          value={url.get("q")}
          onSearch={(q) => url.set({ q })}
        />
      </search>
      {found.length === 0 ? (
        <Note title="Nothing matches.">Change the search above.</Note>
      ) : (
        <Table {...table} rows={found} />
      )}
    </>
  );
}
