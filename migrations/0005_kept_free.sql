-- Nothing: the number belongs to a change of its own.

SELECT 1;
