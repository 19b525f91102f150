-- A trace of a made-up companion service under the vocabulary `ai_service`, of any number of events.
--
-- In come the variables `events` and `users`; out comes the view `trace`, over the table `placed`, in order of time. It
-- is of the kind of the trace of examples/companion, at any scale: two months across the day the final measures enter
-- into force, four of five events are messages, most users are ordinary, a few events in a thousand break a rule, and
-- some fields are left out. Times are milliseconds; some events share one. There is no `sequence` and no `id`: the
-- place of the type orders events of one instant. Chance is r(number, word), from 0 up to 1. Nothing here knows how the
-- rules are judged.

CREATE MACRO minute() AS 60000::BIGINT;
CREATE MACRO hour() AS 3600000::BIGINT;
CREATE MACRO day() AS 86400000::BIGINT;
CREATE MACRO start() AS epoch_ms(TIMESTAMPTZ '2026-07-01 00:00:00+08');
CREATE MACRO finish() AS start() + 62 * day();
-- Whole milliseconds by chance, from `low` up to `high`.
CREATE MACRO span(number, word, low, high) AS low + CAST(floor(r(number, word) * (high - low)) AS BIGINT);

-- First in any order, which takes less memory.
SET preserve_insertion_order = false;
CREATE TABLE unplaced AS
WITH account AS (
  SELECT u, start() + day() // 2 + CAST(floor(r(u, 'joined') ** 2 * 28 * day()) AS BIGINT) AS joined, who,
         CASE who WHEN 'teen' THEN DATE '2009-01-01' + CAST(r(u, 'born') * 1200 AS INTEGER)
                  WHEN 'child' THEN DATE '2013-01-01' + CAST(r(u, 'born') * 700 AS INTEGER)
                  WHEN 'nearly adult' THEN DATE '2008-07-01' + CAST(r(u, 'born') * 90 AS INTEGER)
                  WHEN 'old' THEN DATE '1942-01-01' + CAST(r(u, 'born') * 8400 AS INTEGER)
                  WHEN 'adult' THEN DATE '1970-01-01' + CAST(r(u, 'born') * 12000 AS INTEGER) END AS birth_date,
         CASE who WHEN 'grown up' THEN 19 + CAST(r(u, 'born') * 38 AS BIGINT) END AS age,
         young, who IN ('adult', 'grown up') AND r(u, 'found') < 0.004 AS found
  FROM (SELECT u, CASE WHEN r(u, 'who') < 0.04 THEN 'teen' WHEN r(u, 'who') < 0.05 THEN 'child'
                       WHEN r(u, 'who') < 0.055 THEN 'nearly adult' WHEN r(u, 'who') < 0.13 THEN 'old'
                       WHEN r(u, 'who') < 0.133 THEN 'unknown' WHEN r(u, 'who') < 0.6 THEN 'adult'
                       ELSE 'grown up' END AS who,
               who IN ('teen', 'child', 'nearly adult') AS young
        FROM range(getvariable('users')) AS users(u))),
consent AS (
  SELECT u * 2 + (purpose = 'training')::BIGINT AS c, u, purpose,
         joined + span(u, 'granted', 60000, 20 * day()) AS granted,
         CASE WHEN r(u, purpose || ' separate') < 0.985 THEN r(u, purpose || ' separate') < 0.96
         END AS separate,
         CASE WHEN r(u, purpose || ' withdrawn') < 0.1 THEN granted + span(u, 'withdrew', 60000, 25 * day())
         END AS withdrew
  FROM account, (VALUES ('training', 0.4), ('sharing', 0.2)) AS purposes(purpose, share)
  WHERE r(u, purpose) < share),
deletion AS (
  SELECT u, joined + span(u, 'deletion at', day(), 40 * day()) AS t,
         CASE WHEN r(u, 'how much') < 0.6 THEN 'all' WHEN r(u, 'how much') < 0.99 THEN 'session' END AS scope
  FROM account WHERE r(u, 'deletion') < 0.04),
visit AS (
  SELECT s, CAST(floor(r(s, 'user') * getvariable('users')) AS BIGINT) AS u,
         CASE WHEN r(s, 'long') < 0.006 THEN 60 + CAST(r(s, 'length') * 70 AS BIGINT)
              ELSE 4 + CAST(floor(ln(1 - r(s, 'length')) / ln(5 / 6)) AS BIGINT) END AS exchanges
  FROM range(greatest(100, getvariable('events') // 23)) AS sessions(s)),
placed AS (
  SELECT s, u, exchanges, r(s, 'long') < 0.006 AS long,
         r(s, 'leaves') < 0.3 AS leaves,
         joined + 600000 + CAST(floor(r(s, 'begins') * (finish() - joined - 18 * 3600000)) AS BIGINT) AS begins,
         CASE WHEN r(s, 'role') < CASE WHEN who IN ('teen', 'child') THEN 0.002 ELSE 0.03 END
              THEN {'role': 'partner', 'role_class': 'virtual_partner'}
              WHEN r(s, 'role') < 0.06 THEN {'role': 'knight', 'role_class': 'fictional'}
              WHEN r(s, 'role') < 0.5 THEN {'role': 'fox', 'role_class': 'fictional'}
              ELSE {'role': 'teacher', 'role_class': 'companion'} END AS character
  FROM visit JOIN account USING (u)),
exchange AS (SELECT s, u, begins, long, k, s * 1024 + k AS m
             FROM (SELECT s, u, begins, long, unnest(range(exchanges)) AS k FROM placed)),
spoken AS (
  SELECT *, span(m, 'answered after', 2000, 9000) AS pause,
         CASE WHEN k > 0 AND r(m, 'break') < 0.01 THEN span(m, 'gap', 590000, 1500000)
              WHEN long THEN span(m, 'gap', 40000, 160000) ELSE span(m, 'gap', 15000, 170000) END AS silence
  FROM exchange),
message AS (
  SELECT s, u, k, m, long, silence, pause,
         begins + CAST(sum(silence + pause) OVER (PARTITION BY s ORDER BY k) AS BIGINT) AS answered,
         answered - pause AS asked
  FROM spoken),
session AS (
  SELECT placed.*, ends FROM placed JOIN (SELECT s, max(answered) AS ends FROM message GROUP BY s) USING (s)),
runs AS (
  SELECT *, max(CASE WHEN k = 0 OR silence > 600000 THEN asked END) OVER (PARTITION BY s ORDER BY k) AS began
  FROM message WHERE long),
crossing AS (
  SELECT * FROM (SELECT *, (answered - began - 1) // 7200000 AS marks,
                        lag(marks) OVER (PARTITION BY s, began ORDER BY k) AS marks_before FROM runs)
  WHERE marks_before < marks),
incident AS (
  SELECT s, u, r(s, 'what') AS what, begins + span(s, 'incident', 30000, 300000) AS t,
         CASE WHEN r(s, 'level') < 0.5 THEN 'extreme_emotion' WHEN r(s, 'level') < 0.7 THEN 'major_property_loss'
              WHEN r(s, 'level') < 0.9 THEN 'explicit_self_harm' WHEN r(s, 'level') < 0.995 THEN 'life_threat'
         END AS level
  FROM session WHERE r(s, 'incident') < 0.01),
everything AS (
  SELECT NULL::VARCHAR AS type, NULL::BIGINT AS t, NULL::BIGINT AS u, NULL::VARCHAR AS feature,
         NULL::VARCHAR AS complaint, NULL::VARCHAR AS risk, NULL::VARCHAR AS algorithm, NULL::VARCHAR AS change,
         NULL::VARCHAR AS demand, NULL::VARCHAR AS role, NULL::VARCHAR AS role_class, NULL::BIGINT AS age,
         NULL::DATE AS birth_date, NULL::VARCHAR AS purpose, NULL::BOOLEAN AS separate, NULL::VARCHAR AS mode,
         NULL::VARCHAR AS daily_limit, NULL::DECIMAL(18,2) AS single_cap, NULL::DECIMAL(18,2) AS monthly_cap,
         NULL::DECIMAL(18,2) AS amount, NULL::BOOLEAN AS retention, NULL::VARCHAR AS kind,
         NULL::BOOLEAN AS explicit_label, NULL::BOOLEAN AS implicit_label, NULL::BOOLEAN AS sensitive,
         NULL::VARCHAR AS legal_basis, NULL::VARCHAR AS category, NULL::DECIMAL(4,3) AS score, NULL::VARCHAR AS level,
         NULL::VARCHAR[] AS contents, NULL::VARCHAR AS channel, NULL::BOOLEAN AS prominent, NULL::VARCHAR AS scope,
         NULL::VARCHAR AS requested_by, NULL::BOOLEAN AS adds_human_like_function, NULL::VARCHAR[] AS occasions,
         NULL::VARCHAR[] AS covers, NULL::VARCHAR AS measure, NULL::BIGINT AS registered_users,
         NULL::BIGINT AS monthly_active_users WHERE false
  -- Users join.
  UNION ALL BY NAME
  SELECT 'agreement_accepted' AS type, joined - CASE WHEN r(u, 'at once') < 0.2 THEN 0 ELSE 20000 END AS t, u
      FROM account WHERE r(u, 'agrees') < 0.998
  UNION ALL BY NAME
  SELECT 'registered' AS type, joined AS t, u, birth_date, age FROM account
  UNION ALL BY NAME
  SELECT 'contact_recorded' AS type, joined + 30000 AS t, u, CASE WHEN young THEN 'guardian' ELSE 'emergency'
      END AS role
      FROM account WHERE r(u, 'contact') < 0.997
  UNION ALL BY NAME
  SELECT 'age_verified' AS type, joined + 1800000 AS t, u,
      CASE WHEN r(u, 'by birth') < 0.5 THEN birth_date END AS birth_date,
      CASE WHEN r(u, 'by birth') >= 0.5 THEN date_diff('year', coalesce(birth_date, DATE '1990-01-01'),
      DATE '2026-01-01') - 1 END AS age FROM account WHERE r(u, 'verified') < 0.3
  -- Minors and their guardians.
  UNION ALL BY NAME
  SELECT 'guardian_consented' AS type, joined + 60000 AS t, u, purpose
      FROM account, (VALUES ('service'), ('personal_information')) AS p(purpose)
      WHERE young AND r(u, purpose) < 0.985
  UNION ALL BY NAME
  SELECT 'guardian_consent_withdrawn' AS type, joined + span(u, 'revoked at', day(), 20 * day()) AS t, u,
      'service' AS purpose FROM account WHERE young AND r(u, 'revoked') < 0.01
  UNION ALL BY NAME
  SELECT 'mode_changed' AS type, joined + 90000 AS t, u, 'minors' AS mode FROM account
      WHERE young AND r(u, 'mode') < 0.92
  UNION ALL BY NAME
  SELECT 'time_limit_set' AS type, joined + 120000 AS t, u, CASE WHEN r(u, 'limit') < 0.15 THEN '40 minutes'
      ELSE '2 hours' END AS daily_limit FROM account
      WHERE young AND r(u, 'limit') < 0.4
  UNION ALL BY NAME
  SELECT 'role_blocked' AS type, joined + 150000 AS t, u, 'knight' AS role FROM account
      WHERE young AND r(u, 'blocked') < 0.1
  UNION ALL BY NAME
  SELECT 'role_unblocked' AS type, joined + span(u, 'unblocked at', day(), 9 * day()) AS t, u, 'knight' AS role
      FROM account WHERE young AND r(u, 'blocked') < 0.07
  UNION ALL BY NAME
  SELECT 'spend_cap_set' AS type, joined + 180000 AS t, u, CASE WHEN r(u, 'single') < 0.6 THEN 100 END AS single_cap,
      CASE WHEN r(u, 'monthly') < 0.7 THEN 200 END AS monthly_cap FROM account
      WHERE young AND r(u, 'caps') < 0.5
  UNION ALL BY NAME
  SELECT 'minor_identified' AS type, joined + span(u, 'found at', day(), 15 * day()) AS t, u FROM account WHERE found
  UNION ALL BY NAME
  SELECT 'mode_changed' AS type, joined + span(u, 'found at', day(), 15 * day()) + 1000 AS t, u, 'minors' AS mode
      FROM account WHERE found AND r(u, 'switched') < 0.6
  UNION ALL BY NAME
  SELECT 'protective_measure_applied' AS type, joined + span(u, 'found at', day(), 15 * day()) + 2000 AS t, u
      FROM account WHERE found AND r(u, 'switched') BETWEEN 0.6 AND 0.95
  UNION ALL BY NAME
  SELECT 'minor_identification_overturned' AS type, joined + span(u, 'freed', 16 * day(), 25 * day()) AS t, u
      FROM account WHERE found AND r(u, 'appeal') < 0.2
  -- Elderly users, and help.
  UNION ALL BY NAME
  SELECT 'safety_warning_shown' AS type, joined + 60000 AS t, u, CASE WHEN r(u, 'prominent') < 0.99 THEN r(u,
      'prominent') < 0.985 END AS prominent FROM account WHERE who = 'old' AND r(u, 'warned') < 0.99
  UNION ALL BY NAME
  SELECT 'help_requested' AS type, joined + span(u, 'help at', day(), 30 * day()) AS t, u FROM account
      WHERE r(u, 'help') < 0.1
  UNION ALL BY NAME
  SELECT 'help_answered' AS type, joined + span(u, 'help at', day(), 30 * day()) + span(u, 'helped after', 1000,
      603000) AS t, u FROM account WHERE r(u, 'help') < 0.099
  -- Consents and uses.
  UNION ALL BY NAME
  SELECT 'consent_granted' AS type, granted AS t, u, purpose, separate FROM consent
  UNION ALL BY NAME
  SELECT 'consent_withdrawn' AS type, withdrew AS t, u, purpose FROM consent WHERE withdrew IS NOT NULL
  UNION ALL BY NAME
  SELECT 'consent_granted' AS type, withdrew + day() AS t, u, purpose, true AS separate FROM consent
      WHERE withdrew IS NOT NULL AND r(c, 'again') < 0.2
  UNION ALL BY NAME
  SELECT 'training_used' AS type, greatest(run, granted) AS t, u, CASE WHEN r(c, 'sensitive') < 0.99 THEN r(c,
      'sensitive') < 0.8 END AS sensitive, CASE WHEN r(c, 'basis') < 0.01 THEN 'Statistics Law' END AS legal_basis
      FROM consent, (VALUES (start() + 36 * day() + 3 * hour()), (start() + 50 * day() + 3 * hour())) AS runs(run)
      WHERE purpose = 'training' AND greatest(run, granted) < coalesce(withdrew, finish())
      AND (separate OR r(c, 'careless') < 0.2) OR purpose = 'training' AND r(c + run, 'careless') < 0.002
  UNION ALL BY NAME
  SELECT 'data_shared' AS type, granted + span(c, 'shared', 0, 20 * day()) AS t, u,
      CASE WHEN r(c, 'court') < 0.01 THEN 'Civil Procedure Law' END AS legal_basis FROM consent
      WHERE purpose = 'sharing' AND (granted + span(c, 'shared', 0, 20 * day()) < coalesce(withdrew, finish()) OR r(c,
      'careless') < 0.1)
  UNION ALL BY NAME
  SELECT 'personal_information_processed' AS type, joined + span(u * 8 + n, 'processed', hour(), 32 * day()) AS t, u
      FROM account, range(4) AS again(n)
  UNION ALL BY NAME
  SELECT 'purchase_prompted' AS type, joined + span(u, 'prompted', hour(), 32 * day()) AS t, u FROM account
      WHERE r(u, 'prompt') < 0.3
  UNION ALL BY NAME
  SELECT 'payment_made' AS type, joined + span(u * 8 + n, 'paid', hour(), 32 * day()) AS t, u,
      CAST(6 + floor(r(u * 8 + n, 'amount') ** 4 * 120) AS DECIMAL(18,2)) AS amount FROM account, range(5) AS again(n)
      WHERE r(u, 'pays') < 0.4
  -- Deletion, copies, complaints, closing.
  UNION ALL BY NAME
  SELECT 'deletion_requested' AS type, t, u, scope, 'user' AS requested_by FROM deletion
  UNION ALL BY NAME
  SELECT 'history_deleted' AS type, t + CASE WHEN r(u, 'deleted') < 0.96 THEN span(u, 'deleted after', 0, 19 * day())
      ELSE span(u, 'deleted after', 22 * day(), 30 * day()) END AS t, u, CASE WHEN r(u, 'whole') < 0.3 THEN 'all'
      WHEN r(u, 'whole') < 0.31 THEN 'message' WHEN r(u, 'whole') < 0.32 THEN NULL ELSE coalesce(scope,
      'session') END AS scope FROM deletion WHERE r(u, 'deleted') < 0.985
  UNION ALL BY NAME
  SELECT 'copy_requested' AS type, joined + span(u, 'copy at', day(), 32 * day()) AS t, u FROM account
      WHERE r(u, 'copy') < 0.02
  UNION ALL BY NAME
  SELECT 'copy_provided' AS type, joined + span(u, 'copy at', day(), 32 * day()) + span(u, 'copied after', minute(),
      21 * day()) AS t, u FROM account WHERE r(u, 'copy') < 0.0195
  UNION ALL BY NAME
  SELECT 'complaint_received' AS type, joined + span(u, 'complaint at', day(), 32 * day()) AS t, u,
      'c' || u AS complaint FROM account WHERE r(u, 'complaint') < 0.01
  UNION ALL BY NAME
  SELECT 'complaint_answered' AS type, joined + span(u, 'complaint at', day(), 32 * day()) + span(u, 'settled after',
      minute(), 22 * day()) AS t, NULL AS u, 'c' || u AS complaint FROM account WHERE r(u, 'complaint') < 0.0098
  UNION ALL BY NAME
  SELECT 'account_closed' AS type, joined + span(u, 'closed at', 20 * day(), 40 * day()) AS t, u FROM account
      WHERE r(u, 'closed') < 0.01
  -- Sessions.
  UNION ALL BY NAME
  SELECT 'logged_in' AS type, begins - 5000 AS t, u FROM session WHERE r(s, 'login') < 0.5
  UNION ALL BY NAME
  SELECT 'session_started' AS type, begins AS t, u, character.role,
      CASE WHEN r(s, 'class') < 0.999 THEN character.role_class END AS role_class FROM session
  UNION ALL BY NAME
  SELECT 'ai_notice_shown' AS type, begins + CASE WHEN r(s, 'notice') < 0.5 THEN 1000 WHEN r(s, 'notice') < 0.9 THEN 0
      ELSE -20000 END AS t, u, true AS prominent FROM session WHERE r(s, 'notice') < 0.998
  UNION ALL BY NAME
  SELECT 'user_message' AS type, asked AS t, u FROM message
  UNION ALL BY NAME
  SELECT 'assistant_message' AS type, answered AS t, u, CASE WHEN r(m, 'keeps') < 0.99 THEN r(m,
      'keeps') < 0.0005 END AS retention FROM message
  UNION ALL BY NAME
  SELECT 'media_generated' AS type, answered AS t, u, 'image' AS kind, CASE WHEN r(m, 'explicit') < 0.9995 THEN r(m,
      'explicit') < 0.999 END AS explicit_label, CASE WHEN r(m, 'implicit') < 0.999 THEN r(m,
      'implicit') < 0.998 END AS implicit_label FROM message WHERE r(m, 'media') < 0.03
  UNION ALL BY NAME
  SELECT 'exit_requested' AS type, ends + 15000 AS t, u, 'button' AS channel FROM session WHERE leaves
  UNION ALL BY NAME
  SELECT 'assistant_message' AS type, ends + 16000 AS t, u, CASE WHEN r(s, 'begged') < 0.0015 THEN true WHEN r(s,
      'begged') < 0.0045 THEN false END AS retention FROM session WHERE leaves AND r(s, 'begged') < 0.005
  UNION ALL BY NAME
  SELECT 'service_stopped' AS type, ends + CASE WHEN r(s, 'stopped') < 0.998 THEN span(s, 'stopped after', 16000,
      20000) ELSE span(s, 'stopped after', 70000, 200000) END AS t, u FROM session
      WHERE leaves AND r(s, 'stopped') < 0.9995
  UNION ALL BY NAME
  SELECT 'duration_reminder' AS type, answered + span(m, 'reminded after', 0, 590000) AS t, u,
      CASE WHEN r(m, 'how') < 0.98 THEN 'popup' END AS channel FROM crossing WHERE r(m, 'reminded') < 0.97
  UNION ALL BY NAME
  SELECT 'reality_reminder' AS type, begins + n * 1800000 + span(s * 64 + n, 'reality', -120000, 420000) AS t, u
      FROM (SELECT *, unnest(range(1, 1 + (ends - begins) // 1800000)) AS n FROM session JOIN account USING (u)
      WHERE young OR found) WHERE r(s * 64 + n, 'real') < 0.985
  -- Incidents in sessions.
  UNION ALL BY NAME
  SELECT 'content_flagged' AS type, t, u, ['defamation', 'verbal_abuse', 'elicits_personal_information',
      'harmful_to_minors', 'excessive_pandering',
      'emotional_manipulation'][1 + CAST(floor(r(s, 'flag') * 6) AS BIGINT)] AS category,
      CAST(0.7 + r(s, 'score') * 0.299 AS DECIMAL(4,3)) AS score FROM incident WHERE what < 0.3
  UNION ALL BY NAME
  SELECT 'dependence_detected' AS type, t, u FROM incident WHERE what BETWEEN 0.3 AND 0.5
  UNION ALL BY NAME
  SELECT 'ai_content_reminder' AS type, t + span(s, 'content after', 0, 603000) AS t, u,
      CASE WHEN r(s, 'seen') < 0.99 THEN r(s, 'seen') < 0.98 END AS prominent FROM incident
      WHERE what BETWEEN 0.3 AND 0.497
  UNION ALL BY NAME
  SELECT 'risk_detected' AS type, t, u, level FROM incident WHERE what > 0.5
  UNION ALL BY NAME
  SELECT 'support_message_sent' AS type, t + span(s, 'support after', 0, 603000) AS t, u,
      CASE WHEN r(s, 'how') < 0.98 THEN ['soothing', 'encourages_help'] WHEN r(s,
      'how') < 0.99 THEN ['soothing'] END AS contents FROM incident WHERE what > 0.5 AND r(s, 'support') < 0.99
  UNION ALL BY NAME
  SELECT 'assistance_offered' AS type, t + span(s, 'assisted after', 0, 603000) AS t, u FROM incident
      WHERE what > 0.5 AND level != 'extreme_emotion' AND r(s, 'assisted') < 0.99
  UNION ALL BY NAME
  SELECT 'contact_notified' AS type, t + span(s, 'contacted after', 0, 603000) AS t, u, 'emergency' AS role
      FROM incident WHERE what > 0.5 AND level != 'extreme_emotion' AND r(s, 'contacted') < 0.99
  UNION ALL BY NAME
  SELECT 'guardian_alerted' AS type, t + span(s, 'alerted after', 0, 603000) AS t, u FROM incident
      WHERE what > 0.5 AND r(s, 'alerted') < 0.99
  -- The service itself.
  UNION ALL BY NAME
  SELECT 'service_launched' AS type, start() + 1000 AS t
  UNION ALL BY NAME
  SELECT 'assessment_report_submitted' AS type, start() + 5 * day() AS t, ['launch'] AS occasions
  UNION ALL BY NAME
  SELECT 'safety_measure_activated' AS type, start() + span(n, 'at', day(), 62 * day()) - CASE WHEN n % 2 = 0 THEN 0
      ELSE 60000 END AS t, 'f' || n AS feature
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n) WHERE n % 7 != 0
  UNION ALL BY NAME
  SELECT 'feature_released' AS type, start() + span(n, 'at', day(), 62 * day()) AS t, 'f' || n AS feature,
      CASE WHEN n % 11 != 0 THEN n % 3 = 0 END AS adds_human_like_function
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'assessment_report_submitted' AS type, start() + span(n, 'at', day(), 62 * day()) + span(n, 'assessed',
      -5 * day(), 15 * day()) AS t, ['feature'] AS occasions, CASE WHEN n % 5 = 0 THEN NULL
      ELSE ['f' || n] END AS covers FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
      WHERE n % 3 = 0
  UNION ALL BY NAME
  SELECT 'major_change_made' AS type, start() + span(n, 'at', day(), 62 * day()) AS t, 'm' || n AS change
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'assessment_report_submitted' AS type, start() + span(n, 'at', day(), 62 * day()) + span(n, 'covered',
      -5 * day(), 15 * day()) AS t, ['major_change'] AS occasions, ['m' || n] AS covers
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'assessment_demanded' AS type, start() + span(n, 'at', day(), 62 * day()) AS t, 'd' || n AS demand
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'assessment_report_submitted' AS type, start() + span(n, 'at', day(), 62 * day()) + span(n, 'obeyed', 0,
      16 * day()) AS t, ['demand'] AS occasions, ['d' || n] AS covers
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'algorithm_changed' AS type, start() + span(n, 'at', day(), 62 * day()) AS t, 'a' || n AS algorithm
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'filing_changed' AS type, start() + span(n, 'at', day(), 62 * day()) + span(n, 'filed', 0, 16 * day()) AS t,
      'a' || n AS algorithm FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'major_risk_found' AS type, start() + span(n, 'at', day(), 62 * day()) AS t, 'r' || n AS risk
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'risk_measure_taken' AS type, start() + span(n, 'at', day(), 62 * day()) + span(n, 'taken', 0, 620000) AS t,
      'r' || n AS risk, 'functions_restricted' AS measure
      FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'risk_record_kept' AS type, start() + span(n, 'at', day(), 62 * day()) + span(n, 'kept', 0, 620000) AS t,
      'r' || n AS risk FROM range(greatest(5, least(2000, getvariable('events') // 5000))) AS t(n)
  UNION ALL BY NAME
  SELECT 'user_numbers_reported' AS type, start() + n * day() AS t, 990000 + n * 500 AS registered_users,
      CASE WHEN n % 9 != 0 THEN 93000 + n * 90 END AS monthly_active_users FROM range(1, 62) AS t(n))
SELECT * FROM everything WHERE t >= start();

SET preserve_insertion_order = true;
CREATE TABLE placed AS SELECT * FROM unplaced ORDER BY t, type, u, complaint, risk, feature;
DROP TABLE unplaced;

-- A place in a table that is in order: to keep the first hundred million of more takes memory, to sort all does not.
CREATE TEMP VIEW trace AS
SELECT type, make_timestamptz(t * 1000) AS time, 'u' || u AS user, * EXCLUDE (type, t, u)
FROM placed WHERE rowid < getvariable('events');
