-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION response_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% does not change: %', TG_TABLE_NAME, TG_NAME; END $$;
-- +goose StatementEnd
CREATE TRIGGER response_timeline_append_only BEFORE UPDATE OR DELETE ON response_timeline
  FOR EACH ROW EXECUTE FUNCTION response_frozen();
CREATE TRIGGER response_timeline_no_truncate BEFORE TRUNCATE ON response_timeline
  FOR EACH STATEMENT EXECUTE FUNCTION response_frozen();
CREATE TRIGGER response_exposure_no_update BEFORE UPDATE ON response_exposure
  FOR EACH ROW EXECUTE FUNCTION response_frozen();
CREATE TRIGGER response_notice_words BEFORE UPDATE OF subject, text, locale, account ON response_notice
  FOR EACH ROW EXECUTE FUNCTION response_frozen();
