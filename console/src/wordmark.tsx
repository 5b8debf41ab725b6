/** The name, with its post. */
export function Wordmark() {
  return (
    <span className="inline-flex items-center gap-2 font-semibold tracking-tight">
      <svg viewBox="0 0 16 16" aria-hidden="true" className="size-5 text-accent">
        <path
          d="M4 2v12M4 3.5h6.5L13 6l-2.500 2.500H4"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.75"
          strokeLinejoin="round"
          strokeLinecap="round"
        />
      </svg>
      Waypost
    </span>
  );
}
