-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER response_timeline_no_update BEFORE UPDATE ON response_timeline
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER response_timeline_no_delete BEFORE DELETE ON response_timeline
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER response_exposure_no_update BEFORE UPDATE ON response_exposure
BEGIN SELECT RAISE(ABORT, 'a saved scope does not change: make another version'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER response_notice_words BEFORE UPDATE OF subject, text, locale, account ON response_notice
BEGIN SELECT RAISE(ABORT, 'the words of a notice do not change: draft another version'); END;
-- +goose StatementEnd
