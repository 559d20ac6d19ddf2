/** Letters that one request may act on. By itself, since the web page needs it and not the schemas. */
export const mostLettersAtOnce = 10_000;
