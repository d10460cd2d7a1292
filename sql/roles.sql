-- The roles of the reporting database, for a database administrator to run once, as a superuser.
-- `clearsight up` does the same for the local stack. Give each a password of its own.
CREATE ROLE clearsight_owner LOGIN;
-- COPY into a table with row-level security needs BYPASSRLS. Without it the writer lands, but slower.
CREATE ROLE clearsight_writer LOGIN BYPASSRLS;
CREATE ROLE clearsight_api LOGIN;
CREATE ROLE clearsight_bi LOGIN;
-- Power BI joins views that are joins themselves. The planner must see through all of them, or it reads whole tables.
ALTER ROLE clearsight_bi SET join_collapse_limit = 20;
ALTER ROLE clearsight_bi SET from_collapse_limit = 20;
ALTER ROLE clearsight_bi SET statement_timeout = '60s';
CREATE DATABASE clearsight OWNER clearsight_owner;
