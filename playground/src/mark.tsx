/** The platform's mark. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9 12h14M13 12v9M19 12v7a2 2 0 0 0 3 1.6" />
    </svg>
  );
}
