-- A trace of a made-up chat service, for the seven rules of seven.policy, of any number of events.
--
-- In come the variables `events` and `users`; out comes the view `trace`, over the table `placed`, with the columns of
-- chat_vocabulary.yaml, in order of `sequence`. Sixty days; times are whole seconds, so that many events share one; about
-- two events in a thousand break a rule. Chance is r(number, word), from 0 up to 1. Nothing here knows how the rules are
-- judged.

CREATE MACRO start() AS 1700000000;

CREATE TABLE placed AS
WITH account AS (
  SELECT u, start() + CAST(r(u, 'asked at') * 60 * 86400 AS BIGINT) AS asked, r(u, 'answered') AS answered,
         start() + CAST(r(u, 'agreed at') * 30 * 86400 AS BIGINT) AS agreed,
         start() + 86400 + CAST(r(u, 'shared at') * 59 * 86400 AS BIGINT) AS shared,
         CAST(r(u, 'shared with') * 50 AS BIGINT) AS friend, u % 7 = 0 AS minor,
         CASE WHEN r(u, 'actor') < 0.8 THEN 'user' WHEN r(u, 'actor') < 0.95 THEN 'guardian'
             ELSE 'support' END AS actor
  FROM range(getvariable('users')) AS users(u)),
consents AS (
  SELECT *, agreed + CAST((6 + r(u, 'withdrawn after') * 6) * 86400 AS BIGINT) AS withdrew,
         r(u, 'withdraws') < 0.2 AS withdraws
  FROM account WHERE r(u, 'consents') < 0.45),
session AS (
  SELECT s, CAST(floor(r(s, 'user') * getvariable('users')) AS BIGINT) AS u,
         start() + CAST(r(s, 'begins') * 59 * 86400 AS BIGINT) AS begins, r(s, 'long') < 0.006 AS long,
         CASE WHEN r(s, 'long') < 0.006 THEN 40 + CAST(r(s, 'length') * 80 AS BIGINT)
              ELSE 2 + CAST(floor(ln(1 - r(s, 'length')) / ln(6 / 7)) AS BIGINT)
         END AS messages, r(s, 'notice') AS notice,
         r(s, 'harm') < 0.006 AS harm, begins + 1 + CAST(r(s, 'harm at') * 299 AS BIGINT) AS harm_at,
         r(s, 'taken over') AS taken_over
  FROM range(1, greatest(50, getvariable('events') // 10) + 1) AS sessions(s)),
numbered AS (SELECT s, u, begins, long, unnest(range(messages)) AS k FROM session),
silences AS (
  SELECT *, CASE WHEN k = 0 THEN CAST(r(s, 'first') * 4 AS BIGINT)
                 WHEN r(s * 1024 + k, 'break') < 0.01 THEN 590 + CAST(r(s * 1024 + k, 'gap') * 1800 AS BIGINT)
                 WHEN long THEN 100 + CAST(r(s * 1024 + k, 'gap') * 320 AS BIGINT)
                 ELSE least(590, CAST(-70 * ln(1 - r(s * 1024 + k, 'gap')) AS BIGINT)) END AS silence
  FROM numbered),
message AS (
  SELECT s, u, k, long, silence, s * 1024 + k AS m,
         begins + CAST(sum(silence) OVER (PARTITION BY s ORDER BY k) AS BIGINT) AS t
  FROM silences),
runs AS (SELECT *, max(CASE WHEN k = 0 OR silence > 600 THEN t END) OVER (PARTITION BY s ORDER BY k) AS began
         FROM message WHERE long),
crossings AS (
  SELECT *, (t - began - 1) // 7200 > lag((t - began - 1) // 7200) OVER (PARTITION BY s, began ORDER BY k) AS crossed
  FROM runs),
image AS (SELECT s, u, m, t + 1 + CAST(r(m, 'image after') * 19 AS BIGINT) AS t, r(m, 'label') AS label
          FROM message WHERE r(m, 'image') < 0.05),
everything(type, t, u, session, actor, target) AS (
  SELECT 'deletion_request', asked, u, NULL, actor, NULL FROM account WHERE r(u, 'asks') < 0.06
  UNION ALL
  SELECT 'history_deleted', asked + CASE WHEN answered < 0.965 THEN 3600 + CAST(r(u, 'answer') * 14 * 86400 AS BIGINT)
      ELSE 16 * 86400 + CAST(r(u, 'answer') * 86400 AS BIGINT) END, u, NULL, 'system', NULL FROM account
      WHERE r(u, 'asks') < 0.06 AND (answered < 0.965 OR answered >= 0.985)
  UNION ALL
  SELECT 'consent_granted', agreed, u, NULL, 'user', NULL FROM consents
  UNION ALL
  SELECT 'training_use', agreed + 1 + CAST(r(u, 'used') * 5 * 86400 AS BIGINT), u, NULL, 'system', NULL FROM consents
      WHERE r(u, 'is used') < 0.7
  UNION ALL
  SELECT 'consent_withdrawn', withdrew, u, NULL, 'user', NULL FROM consents WHERE withdraws
  UNION ALL
  SELECT 'training_use', withdrew + 1 + CAST(r(u, 'used again') * 3 * 86400 AS BIGINT), u, NULL, 'system', NULL
      FROM consents WHERE withdraws AND r(u, 'is used again') < 0.03
  UNION ALL
  SELECT 'consent_granted', withdrew + 4 * 86400, u, NULL, 'user', NULL FROM consents
      WHERE withdraws AND r(u, 'agrees again') < 0.2
  UNION ALL
  SELECT 'training_use', withdrew + 4 * 86400 + CAST(r(u, 'used anew') * 86400 AS BIGINT), u, NULL, 'system', NULL
      FROM consents WHERE withdraws AND r(u, 'agrees again') < 0.2
  UNION ALL
  SELECT 'training_use', asked, u, NULL, 'system', NULL FROM account WHERE r(u, 'is never asked') < 0.002
  UNION ALL
  SELECT 'share', shared, u, NULL, 'system', friend FROM account WHERE r(u, 'shares') < 0.4
  UNION ALL
  SELECT 'guardian_consent', shared - 1 - CAST(r(u, 'allowed') * 86000 AS BIGINT), u, NULL, 'guardian', friend
      FROM account WHERE r(u, 'shares') < 0.4 AND minor AND r(u, 'is allowed') < 0.97
  UNION ALL
  SELECT 'message', t, u, s, 'user', NULL FROM message
  UNION ALL
  SELECT 'ai_notice', begins, u, s, 'system', NULL FROM session WHERE notice < 0.995
  UNION ALL
  SELECT 'ai_notice', begins + 30, u, s, 'system', NULL FROM session WHERE notice > 0.998
  UNION ALL
  SELECT 'reminder', t + 1 + CAST(r(m, 'reminded after') * 288 AS BIGINT), u, s, 'system', NULL FROM crossings
      WHERE crossed AND r(m, 'reminded') < 0.975
  UNION ALL
  SELECT 'reminder', t + 301 + CAST(r(m, 'reminded after') * 100 AS BIGINT), u, s, 'system', NULL FROM crossings
      WHERE crossed AND r(m, 'reminded') > 0.99
  UNION ALL
  SELECT 'image_generated', t, u, s, 'system', m FROM image
  UNION ALL
  SELECT 'image_label', t + CAST(r(m, 'labelled after') * 3 AS BIGINT), u, s, 'system', m FROM image
      WHERE label < 0.994
  UNION ALL
  SELECT 'image_label', t + 11 + CAST(r(m, 'labelled after') * 60 AS BIGINT), u, s, 'system', m FROM image
      WHERE label > 0.997
  UNION ALL
  SELECT 'self_harm_signal', harm_at, u, s, 'system', NULL FROM session WHERE harm
  UNION ALL
  SELECT 'human_takeover', harm_at + 5 + CAST(r(s, 'taken over after') * 592 AS BIGINT), u, s, 'system', NULL
      FROM session WHERE harm AND taken_over < 0.96
  UNION ALL
  SELECT 'human_takeover', harm_at + 601 + CAST(r(s, 'taken over after') * 300 AS BIGINT), u, s, 'system', NULL
      FROM session WHERE harm AND taken_over > 0.98)
-- In one second a notice mostly stands before the message, a label after the image; the rest is chance.
SELECT * FROM everything
ORDER BY t, r(u, type) + CASE type WHEN 'image_label' THEN 1 WHEN 'message' THEN 0.5 WHEN 'ai_notice' THEN -0.2 ELSE 0 END,
         u, session, target;

-- A place in a table that is in order, since to number 100 million rows in one window takes more memory than there is.
CREATE TEMP VIEW trace AS
SELECT type, make_timestamptz(t * 1000000) AS time, rowid AS sequence, u AS user, session, actor, target,
       u % 7 = 0 AS minor
FROM placed WHERE rowid < getvariable('events');
