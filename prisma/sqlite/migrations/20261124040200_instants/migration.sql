-- Times are texts here: there is nothing to do, but the histories of both databases are the same.
SELECT 1;
