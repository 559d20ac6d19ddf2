/**
 * Long texts are written and read in pieces of about so many characters. V8 puts a text of 128 kB and more on pages of its own, which it
 * takes from the system and gives back each time, as the allocator of a Postgres does with what a statement needed: on a virtual machine
 * the page faults of a page of records then take longer than parsing it.
 */
export const pieceChars = 80 * 1024;
