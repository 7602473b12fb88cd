-- Every table of `turnstile replay`, computed from an export and from nothing else: joins and windows
-- over whole tables, where the folds follow one event after the other. `began` and `ended` are the
-- bounds of the range; `ranged` is false for the whole log.

CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN
    printf('%d.%04d', (part * 10000 + whole // 2) // whole // 10000,
        (part * 10000 + whole // 2) // whole % 10000) END;
CREATE MACRO money(cents) AS printf('%d.%02d', CAST(cents AS BIGINT) // 100, CAST(cents AS BIGINT) % 100);
CREATE MACRO mean(total, n) AS (CAST(total AS BIGINT) + n // 2) // n;
-- By the nearest rank.
CREATE MACRO nth(sorted, percent) AS sorted[greatest(1, (len(sorted) * percent + 99) // 100)];
CREATE MACRO told(moment) AS strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ');
CREATE MACRO millis(a, b) AS greatest(0, (epoch_us(b) - epoch_us(a)) // 1000);

-- What is known at the end of the range.
CREATE VIEW tickets AS SELECT ticket_id, seller_id, time AS listed, CAST(price * 100 AS BIGINT) AS cents
    FROM ticket_listed, bounds WHERE time < ended;
CREATE VIEW orders AS
    SELECT p.order_id, p.ticket_id, p.buyer_id, p.sequence, p.time AS placed,
        CAST(p.ticket_price * 100 AS BIGINT) AS cents,
        a.time AS paying, d.time AS paid, c.time AS cancelled, c.reason
    FROM order_placed p CROSS JOIN bounds
    LEFT JOIN order_awaiting_payment a ON a.order_id = p.order_id AND a.time < ended
    LEFT JOIN order_completed d ON d.order_id = p.order_id AND d.time < ended
    LEFT JOIN order_cancelled c ON c.order_id = p.order_id AND c.time < ended
    WHERE p.time < ended;
CREATE VIEW sold AS SELECT orders.* FROM orders, bounds WHERE paid >= began;
CREATE VIEW books AS
    SELECT placed AS moment, 1 AS placed, 0 AS sold, 0 AS cents FROM orders, bounds WHERE orders.placed >= began
    UNION ALL SELECT paid, 0, 1, cents FROM sold;
CREATE VIEW turns AS
    SELECT sequence, time AS moment, 'placed' AS turn, 1 AS step FROM order_placed
    UNION ALL SELECT sequence, time, 'paid', -1 FROM order_completed
    UNION ALL SELECT sequence, time, if(reason = 'expired', 'expired', 'cancelled'), -1 FROM order_cancelled;
CREATE VIEW live AS
    WITH counts AS (
        SELECT *, sum(step) OVER (ORDER BY sequence) AS now FROM turns, bounds WHERE moment < ended)
    SELECT sequence, moment, turn, now - step AS before, now FROM counts WHERE moment >= began
    UNION ALL
    SELECT 0, began, 'began', sum(step), sum(step) FROM turns, bounds
        WHERE ranged AND moment < began GROUP BY began HAVING sum(step) > 0;
CREATE VIEW ends AS
    SELECT 'paid' AS outcome, *, paid AS ended_at FROM sold
    UNION ALL SELECT if(reason = 'expired', 'expired', 'cancelled'), orders.*, cancelled
        FROM orders, bounds WHERE cancelled >= began;

-- table sales_by_hour
SELECT told(date_trunc('hour', moment)) AS hour, sum(placed) AS placed, sum(sold) AS sold,
    money(sum(cents)) AS revenue, if(sum(sold) > 0, money(mean(sum(cents), sum(sold))), NULL) AS mean_price
FROM books GROUP BY date_trunc('hour', moment) ORDER BY hour;
-- table sales_by_day
SELECT told(date_trunc('day', moment)) AS day, sum(placed) AS placed, sum(sold) AS sold,
    money(sum(cents)) AS revenue, if(sum(sold) > 0, money(mean(sum(cents), sum(sold))), NULL) AS mean_price
FROM books GROUP BY date_trunc('day', moment) ORDER BY day;
-- table prices
SELECT kind AS "at", len(v) AS count, money(v[1]) AS lowest, money(nth(v, 10)) AS p10, money(nth(v, 25)) AS p25,
    money(nth(v, 50)) AS median, money(nth(v, 75)) AS p75, money(nth(v, 90)) AS p90,
    money(v[-1]) AS highest, money(mean(list_sum(v), len(v))) AS mean
FROM (SELECT 'listed' AS kind, list(cents ORDER BY cents) AS v FROM tickets, bounds WHERE listed >= began
    UNION ALL SELECT 'sold', list(cents ORDER BY cents) FROM sold) ORDER BY kind;
-- table price_bands
WITH bands AS (SELECT unnest([0, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000]) AS low,
        unnest([500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, NULL]) AS high)
SELECT money(low) AS "from", if(high IS NULL, NULL, money(high)) AS below,
    (SELECT count(*) FROM tickets, bounds WHERE listed >= began AND cents >= low AND cents < coalesce(high, 1e18)) AS listed,
    count(cents) AS sold, share(count(cents), (SELECT count(*) FROM sold)) AS share_of_sold,
    money(coalesce(sum(cents), 0)) AS revenue
FROM bands LEFT JOIN sold ON cents >= low AND cents < coalesce(high, 1e18) GROUP BY low, high ORDER BY low;
-- table funnel_of_tickets
WITH far AS (SELECT t.ticket_id, max(CASE WHEN paid IS NOT NULL THEN 3 WHEN paying IS NOT NULL THEN 2
        WHEN placed IS NOT NULL THEN 1 ELSE 0 END) AS stage
    FROM bounds CROSS JOIN tickets t LEFT JOIN orders o ON o.ticket_id = t.ticket_id AND o.placed >= began
    WHERE t.listed >= began GROUP BY t.ticket_id)
SELECT stage, n AS tickets, share(n, (SELECT count(*) FROM far)) AS share FROM (
    SELECT s.i, s.stage, (SELECT count(*) FROM far WHERE far.stage >= s.i) AS n
    FROM (VALUES (0, 'listed'), (1, 'held'), (2, 'paying'), (3, 'sold')) s(i, stage)) ORDER BY i;
-- table funnel_of_orders
WITH begun AS (SELECT orders.* FROM orders, bounds WHERE placed >= began),
    stages AS (SELECT 0 AS i, 'placed' AS stage, cents FROM begun
        UNION ALL SELECT 1, 'paying', cents FROM begun WHERE paying IS NOT NULL
        UNION ALL SELECT 2, 'paid', cents FROM begun WHERE paid IS NOT NULL
        UNION ALL SELECT 3, 'expired', cents FROM begun WHERE reason = 'expired'
        UNION ALL SELECT 4, 'cancelled', cents FROM begun WHERE reason <> 'expired'
        UNION ALL SELECT 5, 'open', cents FROM begun WHERE paid IS NULL AND reason IS NULL)
SELECT s.stage, count(cents) AS orders, share(count(cents), (SELECT count(*) FROM begun)) AS share,
    money(coalesce(sum(cents), 0)) AS value
FROM (VALUES (0, 'placed'), (1, 'paying'), (2, 'paid'), (3, 'expired'), (4, 'cancelled'), (5, 'open')) s(i, stage)
LEFT JOIN stages USING (i) GROUP BY s.i, s.stage ORDER BY s.i;
-- table time_to_sale
SELECT what, len(v) AS count, v[1] AS lowest_ms, nth(v, 10) AS p10_ms, nth(v, 25) AS p25_ms, nth(v, 50) AS median_ms,
    nth(v, 75) AS p75_ms, nth(v, 90) AS p90_ms, v[-1] AS highest_ms, mean(list_sum(v), len(v)) AS mean_ms
FROM (SELECT 'listed_to_sold' AS what, list_sort(list(millis(listed, paid))) AS v FROM sold JOIN tickets USING (ticket_id)
    UNION ALL SELECT 'placed_to_paid', list_sort(list(millis(placed, paid))) FROM sold) ORDER BY what;
-- table time_to_sale_bands
WITH took AS (SELECT millis(listed, paid) AS ms FROM sold JOIN tickets USING (ticket_id)),
    bands AS (SELECT unnest([0, 60000, 600000, 3600000, 21600000, 86400000, 259200000, 604800000, 1209600000, 2592000000]) AS low,
        unnest([60000, 600000, 3600000, 21600000, 86400000, 259200000, 604800000, 1209600000, 2592000000, NULL]) AS high)
SELECT low AS from_ms, high AS below_ms, count(ms) AS sold, share(count(ms), (SELECT count(*) FROM took)) AS share
FROM bands LEFT JOIN took ON ms >= low AND ms < coalesce(high, 1e18) GROUP BY low, high ORDER BY low;
-- table hold_outcomes
SELECT s.outcome, share(coalesce(len(v), 0), (SELECT count(*) FROM ends)) AS share, money(coalesce(cents, 0)) AS value,
    coalesce(paying, 0) AS paying, coalesce(len(v), 0) AS count, v[1] AS shortest_ms, nth(v, 10) AS p10_ms,
    nth(v, 25) AS p25_ms, nth(v, 50) AS median_ms, nth(v, 75) AS p75_ms, nth(v, 90) AS p90_ms, v[-1] AS longest_ms,
    if(len(v) > 0, mean(list_sum(v), len(v)), NULL) AS mean_ms
FROM (VALUES (0, 'paid'), (1, 'expired'), (2, 'cancelled')) s(i, outcome)
LEFT JOIN (SELECT outcome, list_sort(list(millis(placed, ended_at))) AS v, sum(cents) AS cents, count(paying) AS paying
    FROM ends GROUP BY outcome) USING (outcome) ORDER BY s.i;
-- table open_holds
SELECT count(*) AS open FROM orders WHERE paid IS NULL AND cancelled IS NULL;
-- table revenue_by_seller
WITH all_of AS (
    SELECT seller_id, 1 AS listed, 0 AS sold, 0 AS cents FROM tickets, bounds WHERE tickets.listed >= began
    UNION ALL SELECT seller_id, 0, 1, sold.cents FROM sold JOIN tickets USING (ticket_id))
SELECT seller_id AS seller, sum(listed) AS listed, sum(sold) AS sold, money(sum(cents)) AS revenue,
    share(CAST(sum(cents) AS BIGINT), (SELECT CAST(sum(cents) AS BIGINT) FROM all_of)) AS share_of_revenue,
    if(sum(sold) > 0, money(mean(sum(cents), sum(sold))), NULL) AS mean_price
FROM all_of GROUP BY seller_id ORDER BY sum(cents) DESC, seller_id;
-- table holds_by_hour
SELECT told(date_trunc('hour', moment)) AS hour, arg_min(before, sequence) AS at_begin,
    count(*) FILTER (turn = 'placed') AS placed, count(*) FILTER (turn = 'paid') AS paid,
    count(*) FILTER (turn = 'expired') AS expired, count(*) FILTER (turn = 'cancelled') AS cancelled,
    greatest(arg_min(before, sequence), max(now)) AS peak, arg_max(now, sequence) AS at_end
FROM live GROUP BY date_trunc('hour', moment) ORDER BY hour;
-- table most_holds_at_once
SELECT now AS peak, told(moment) AS "at" FROM live WHERE now > 0 ORDER BY now DESC, sequence LIMIT 1;
-- table retries_and_conflicts_by_day
WITH noted AS (
    SELECT time AS moment, 'declined' AS kind FROM payment_declined
    UNION ALL SELECT a.time, 'paid_after_decline' FROM payment_authorized a
        WHERE EXISTS (FROM payment_declined d WHERE d.order_id = a.order_id AND d.sequence < a.sequence)
    UNION ALL SELECT v.time, 'voided_after_decline' FROM payment_voided v
        WHERE EXISTS (FROM payment_declined d WHERE d.order_id = v.order_id AND d.sequence < v.sequence)
        AND NOT EXISTS (FROM payment_authorized a WHERE a.order_id = v.order_id AND a.sequence < v.sequence)
    UNION ALL (SELECT time, 'held_again' FROM order_placed
        QUALIFY row_number() OVER (PARTITION BY ticket_id ORDER BY sequence) > 1)
    UNION ALL (SELECT time, 'held_again_by_same' FROM order_placed
        QUALIFY lag(buyer_id) OVER (PARTITION BY ticket_id ORDER BY sequence) = buyer_id)
    UNION ALL SELECT time, 'payment_refused' FROM payment_refused
    UNION ALL SELECT cancelled, if(reason = 'expired', 'expired_while_paying', 'cancelled_while_paying')
        FROM orders WHERE cancelled IS NOT NULL AND paying IS NOT NULL
    UNION ALL SELECT time, 'followed_late' FROM (
        SELECT time, turn, order_id, lag(turn) OVER w AS turn_before, lag(order_id) OVER w AS order_before FROM (
            SELECT time, version, aggregate_id, order_id, 'reserved' AS turn FROM ticket_reserved
            UNION ALL SELECT time, version, aggregate_id, order_id, 'released' FROM ticket_released
            UNION ALL SELECT time, version, aggregate_id, order_id, 'sold' FROM ticket_sold)
        WINDOW w AS (PARTITION BY aggregate_id ORDER BY version))
        WHERE turn <> 'reserved' AND (turn_before = 'reserved' AND order_before = order_id) IS NOT TRUE)
SELECT told(date_trunc('day', moment)) AS day, count(*) FILTER (kind = 'declined') AS declined,
    count(*) FILTER (kind = 'paid_after_decline') AS paid_after_decline,
    count(*) FILTER (kind = 'voided_after_decline') AS voided_after_decline,
    count(*) FILTER (kind = 'held_again') AS held_again, count(*) FILTER (kind = 'held_again_by_same') AS held_again_by_same,
    count(*) FILTER (kind = 'payment_refused') AS payment_refused,
    count(*) FILTER (kind = 'cancelled_while_paying') AS cancelled_while_paying,
    count(*) FILTER (kind = 'expired_while_paying') AS expired_while_paying,
    count(*) FILTER (kind = 'followed_late') AS followed_late
FROM noted, bounds WHERE moment >= began AND moment < ended GROUP BY date_trunc('day', moment) ORDER BY day;
-- table declined_cards
SELECT reason, count(*) AS declined FROM payment_declined, bounds WHERE time >= began AND time < ended
GROUP BY reason ORDER BY declined DESC, reason;
