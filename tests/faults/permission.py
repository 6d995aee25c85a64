"""Permission rules that are slow, or need the database."""

import time

from django.db import connection


def in_database(who, task_id, action):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def slow(who, task_id, action):
    time.sleep(0.05)
    return True
