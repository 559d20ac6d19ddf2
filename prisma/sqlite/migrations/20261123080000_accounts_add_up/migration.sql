-- Every input has exactly one outcome, whoever writes. Triggers, since SQLite adds a CHECK to a table only by copying it.
CREATE TRIGGER "pages_account_check_insert" BEFORE INSERT ON "pages"
WHEN NEW."fetched" <> NEW."inserted" + NEW."updated" + NEW."unchanged" + NEW."duplicate" + NEW."filtered" + NEW."dead_lettered"
BEGIN SELECT RAISE(ABORT, 'the account in pages does not add up'); END;

CREATE TRIGGER "pages_account_check_update" BEFORE UPDATE ON "pages"
WHEN NEW."fetched" <> NEW."inserted" + NEW."updated" + NEW."unchanged" + NEW."duplicate" + NEW."filtered" + NEW."dead_lettered"
BEGIN SELECT RAISE(ABORT, 'the account in pages does not add up'); END;

CREATE TRIGGER "runs_account_check_insert" BEFORE INSERT ON "runs"
WHEN NEW."fetched" <> NEW."inserted" + NEW."updated" + NEW."unchanged" + NEW."duplicate" + NEW."filtered" + NEW."dead_lettered"
BEGIN SELECT RAISE(ABORT, 'the account in runs does not add up'); END;

CREATE TRIGGER "runs_account_check_update" BEFORE UPDATE ON "runs"
WHEN NEW."fetched" <> NEW."inserted" + NEW."updated" + NEW."unchanged" + NEW."duplicate" + NEW."filtered" + NEW."dead_lettered"
BEGIN SELECT RAISE(ABORT, 'the account in runs does not add up'); END;
