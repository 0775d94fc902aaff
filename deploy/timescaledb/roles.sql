-- Runs once, when the database is created: the service owns its database, Grafana only reads, neither is a superuser.
\set ON_ERROR_STOP on
\set service_password `cat /run/secrets/database_password`
\set reader_password `cat /run/secrets/grafana_reader_password`

CREATE ROLE ems LOGIN PASSWORD :'service_password';
CREATE ROLE grafana_reader LOGIN PASSWORD :'reader_password' CONNECTION LIMIT 20;
-- A dashboard over too many years must not take the database away from the writer.
ALTER ROLE grafana_reader SET default_transaction_read_only = on;
ALTER ROLE grafana_reader SET statement_timeout = '30s';

CREATE DATABASE ems OWNER ems;
REVOKE CONNECT, TEMPORARY ON DATABASE ems FROM PUBLIC;
GRANT CONNECT ON DATABASE ems TO grafana_reader;
