-- Every input has exactly one outcome, whoever writes. Not validated: an old violation must not keep the new version from starting.
ALTER TABLE "pages" ADD CONSTRAINT "pages_account_check" CHECK ("fetched" = "inserted" + "updated" + "unchanged" + "duplicate" + "filtered" + "dead_lettered") NOT VALID;
ALTER TABLE "runs" ADD CONSTRAINT "runs_account_check" CHECK ("fetched" = "inserted" + "updated" + "unchanged" + "duplicate" + "filtered" + "dead_lettered") NOT VALID;
